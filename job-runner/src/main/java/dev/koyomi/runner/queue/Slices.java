package dev.koyomi.runner.queue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Leases slices and ends what happens to their jobs; each method is a transaction of its own on the
 * given connection.
 */
public final class Slices {
  // Numbers keep their digits: a numeric payload column must reach the Unit as it left the trigger.
  // What PostgreSQL could store is not refused for its size here.
  private static final ObjectMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(Integer.MAX_VALUE)
                          .maxNumberLength(Integer.MAX_VALUE)
                          .maxStringLength(Integer.MAX_VALUE)
                          .maxNameLength(Integer.MAX_VALUE)
                          .build())
                  .build())
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  /**
   * Leases the oldest ready slice of a batch whose number is not below the mark.
   *
   * <p>The worker's own row is locked first, so that a worker that is being declared lost cannot
   * lease any more; it is not touched while nothing is ready, so that an idle worker writes
   * nothing. The choice is kept in a MATERIALIZED CTE: otherwise the planner may run it more than
   * once.
   *
   * @param lease a random number of the caller's, who must give it back when it does not hear what
   *     became of it: the server may have leased a slice and the answer be lost
   */
  public Optional<LeasedSlice> lease(
      Connection connection, int batchId, long worker, long lease, long mark) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            with me as materialized (
              select w.id from koyomi.worker w
                where w.id = ? and w.stopped_at is null and w.lost_at is null
                  and exists (select from koyomi.slice s
                              where s.batch_id = ? and s.lease is null and s.due_at <= koyomi.now() and s.id >= ?)
                for share),
            choice as materialized (
              select s.id from koyomi.slice s
                where s.batch_id = ? and s.lease is null and s.due_at <= koyomi.now() and s.id >= ?
                  and exists (select from me)
                order by s.id limit 1
                for update skip locked)
            update koyomi.slice s
              set lease = ?, worker_id = ?, leased_at = koyomi.now()
              from choice, koyomi.chunk c
              where s.id = choice.id and c.id = s.chunk_id
              returning s.id, s.run_id, s.attempt, s.prior, s.position, s.stop, s.ordinals, c.keys, c.jobs
            """)) {
      statement.setLong(1, worker);
      statement.setInt(2, batchId);
      statement.setLong(3, mark);
      statement.setInt(4, batchId);
      statement.setLong(5, mark);
      statement.setLong(6, lease);
      statement.setLong(7, worker);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() ? Optional.of(leased(row, lease)) : Optional.empty();
      }
    }
  }

  private static LeasedSlice leased(ResultSet row, long lease) throws SQLException {
    return new LeasedSlice(
        row.getLong("id"),
        row.getLong("run_id"),
        lease,
        row.getInt("attempt"),
        row.getInt("prior"),
        row.getInt("position"),
        row.getInt("stop"),
        ordinals(row.getArray("ordinals")),
        Arrays.asList((String[]) row.getArray("keys").getArray()),
        jobs(row.getString("jobs")));
  }

  private static @Nullable List<Integer> ordinals(@Nullable Array array) throws SQLException {
    return array == null ? null : Arrays.asList((Integer[]) array.getArray());
  }

  private static List<JsonNode> jobs(String json) {
    try {
      List<JsonNode> jobs = new ArrayList<>();
      JSON.readTree(json).forEach(jobs::add);
      return jobs;
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("jsonb that is not JSON", e);
    }
  }

  /**
   * Time until the next slice of the batch that nobody holds is due, zero when it is; empty when
   * there is none.
   */
  public Optional<Duration> untilNextDue(Connection connection, int batchId) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select greatest(0, ceil(extract(epoch from min(due_at) - koyomi.now()) * 1000))::bigint
              from koyomi.slice where batch_id = ? and lease is null having count(*) > 0
            """)) {
      statement.setInt(1, batchId);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() ? Optional.of(Duration.ofMillis(row.getLong(1))) : Optional.empty();
      }
    }
  }

  /**
   * Hands the jobs that were not worked back to the queue.
   *
   * @return the run that they are of; empty when nothing is held under the lease (any more)
   */
  public Optional<Long> giveBack(Connection connection, long lease) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement("select koyomi.give_back(?)")) {
      statement.setLong(1, lease);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return Optional.ofNullable(row.getObject(1, Long.class));
      }
    }
  }

  /**
   * Records a failed attempt of the job at the position and advances past it.
   *
   * @param retryAfter null: the job needs a person
   * @throws SQLException with state {@link #FENCED} when the slice is no longer as leased
   */
  public void fail(
      Connection connection,
      LeasedSlice slice,
      int at,
      JobFailure failure,
      @Nullable Duration retryAfter)
      throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "select koyomi.fail_job(?, ?, ?, ?, ?, ?, make_interval(secs => ?))")) {
      statement.setLong(1, slice.id());
      statement.setLong(2, slice.lease());
      statement.setInt(3, at);
      statement.setString(4, failure.errorClass());
      statement.setString(5, failure.message());
      statement.setString(6, failure.kind().name());
      if (retryAfter == null) {
        statement.setNull(7, Types.DOUBLE);
      } else {
        statement.setDouble(7, retryAfter.toMillis() / 1000.0);
      }
      statement.execute();
    }
  }

  /**
   * After a slice's end: makes the retries of its run and closes the run when nothing of it is
   * left.
   */
  public void finish(Connection connection, long run) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.cut_retries(?, 'infinity')")) {
      statement.setLong(1, run);
      statement.execute();
    }
    try (PreparedStatement statement = connection.prepareStatement("select koyomi.close_run(?)")) {
      statement.setLong(1, run);
      statement.execute();
    }
  }

  /** SQLSTATE of the fence: look at the slice again; never a failed attempt. */
  public static final String FENCED = "KY001";

  /** SQLSTATE of a Unit that ended its transaction by itself. */
  public static final String UNIT_COMMITTED = "KY002";
}
