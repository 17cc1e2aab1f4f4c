package dev.koyomi.runner.queue;

import dev.koyomi.runner.db.Transaction;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Leases slices and ends what happens to their jobs; each method is a transaction of its own on the
 * given connection.
 */
public final class Slices {
  private static final String LEASED =
      """
      (l).slice_id, (l).run_id, (l).attempt, (l).prior, (l).at, (l).stop, (l).in_lane, (l).suspect, (l).keys, (l).vals, (l).misfits,
      (l).due_at, (l).priority, (l).permitted, (l).permitted_until, extract(epoch from (l).wait) as wait\
      """;

  /** High, Normal, Low. */
  private static final int CLASSES = 3;

  private final List<String> needed;

  /**
   * @param needed names of the payload's columns that the Unit needs
   */
  public Slices(List<String> needed) {
    this.needed = List.copyOf(needed);
  }

  /**
   * What a slot asks for.
   *
   * @param lease a random number of the caller's, who must give it back when it does not hear what
   *     became of it: the server may have leased a slice and the answer be lost
   * @param oldest what waited longest, whatever its class
   * @param alone the process holds nothing, and takes jobs that another worker may have died of
   * @param from where the search begins, for some classes; a hint by which dead rows are left out
   * @param values whether what the Unit needs is to be sent here
   * @param permits most jobs that the rate is asked for
   */
  public record Ask(
      long worker,
      long lease,
      boolean oldest,
      boolean alone,
      List<LeasedSlice.Mark> from,
      boolean values,
      int permits) {
    public Ask {
      from = List.copyOf(from);
    }
  }

  private static final String LEASE =
      "select " + LEASED + " from koyomi.lease(?, ?, ?, ?, ?, ?, ?, ?, ?) as l";

  private static final String NEXT_IN_LANE =
      "select " + LEASED + " from koyomi.next_in_lane(?, ?, ?, ?, ?) as l";

  /** Leases a slice of the batch that the worker joined for. */
  public LeaseAnswer lease(Connection connection, Ask ask) throws SQLException {
    try (PreparedStatement statement = OwnStatement.prepare(connection, LEASE)) {
      bind(statement, 1, ask);
      return answer(OwnStatement.query(statement), ask.lease, ask.values);
    }
  }

  /** Of the statements limit, finish, commit, begin, limit, lease, commit. */
  private static final int LEASE_RESULT = 5;

  /**
   * {@link #finish} of the slice that has ended and {@link #lease} of the next in one network
   * flush: two transactions, so that neither waits for a lock with the other's in hand.
   */
  public LeaseAnswer finishAndLease(Connection connection, long run, Ask ask) throws SQLException {
    return finishAnd(
        connection, run, LEASE, statement -> bind(statement, 2, ask), ask.lease, ask.values);
  }

  private interface Binding {
    void to(PreparedStatement statement) throws SQLException;
  }

  private static LeaseAnswer finishAnd(
      Connection connection, long run, String next, Binding rest, long lease, boolean values)
      throws SQLException {
    return Transaction.<LeaseAnswer, SQLException>committed(
        connection,
        () -> {
          try (PreparedStatement statement =
              OwnStatement.prepare(
                  connection,
                  "select koyomi.finish(?); commit; begin; "
                      + OwnStatement.LIMIT
                      + next
                      + "; commit")) {
            statement.setLong(1, run);
            rest.to(statement);
            statement.execute();
            for (int before = 0; before < LEASE_RESULT; before++) {
              statement.getMoreResults();
            }
            return answer(statement.getResultSet(), lease, values);
          }
        });
  }

  private void bind(PreparedStatement statement, int first, Ask ask) throws SQLException {
    int place = first;
    statement.setLong(place++, ask.worker);
    statement.setLong(place++, ask.lease);
    statement.setBoolean(place++, ask.oldest);
    statement.setBoolean(place++, ask.alone);
    place = bindFrom(statement, place, ask.from);
    statement.setArray(place++, statement.getConnection().createArrayOf("text", needed.toArray()));
    statement.setBoolean(place++, ask.values);
    statement.setInt(place, ask.permits);
  }

  /** Two arrays by class: due times and ids. */
  private static int bindFrom(PreparedStatement statement, int place, List<LeasedSlice.Mark> from)
      throws SQLException {
    @Nullable OffsetDateTime[] due = new OffsetDateTime[CLASSES];
    @Nullable Long[] id = new Long[CLASSES];
    for (LeasedSlice.Mark mark : from) {
      due[mark.priority()] = mark.due();
      id[mark.priority()] = mark.id();
    }
    Connection connection = statement.getConnection();
    statement.setArray(place, connection.createArrayOf("timestamptz", due));
    statement.setArray(place + 1, connection.createArrayOf("int8", id));
    return place + 2;
  }

  /**
   * {@link #finish} of the slice that has ended, and the next one of its lane, which is held under
   * its lease and left when it has no more: one flush, two transactions.
   */
  public LeaseAnswer finishAndNextInLane(
      Connection connection, LeasedSlice ended, long worker, boolean values) throws SQLException {
    return finishAnd(
        connection,
        ended.run(),
        NEXT_IN_LANE,
        statement -> {
          statement.setLong(2, worker);
          statement.setLong(3, ended.lease());
          statement.setLong(4, ended.id());
          statement.setArray(5, connection.createArrayOf("text", needed.toArray()));
          statement.setBoolean(6, values);
        },
        ended.lease(),
        values);
  }

  private static LeaseAnswer answer(ResultSet given, long lease, boolean values)
      throws SQLException {
    try (ResultSet row = given) {
      row.next();
      if (row.getObject("slice_id") != null) {
        return new LeaseAnswer.Leased(leased(row, lease, values));
      }
      double wait = row.getDouble("wait");
      return row.wasNull()
          ? new LeaseAnswer.Nothing()
          : new LeaseAnswer.Limited(Duration.ofMillis((long) Math.ceil(wait * 1000)));
    }
  }

  private static LeasedSlice leased(ResultSet row, long lease, boolean values) throws SQLException {
    return new LeasedSlice(
        row.getLong("slice_id"),
        row.getLong("run_id"),
        lease,
        row.getInt("attempt"),
        row.getInt("prior"),
        row.getInt("at"),
        row.getInt("stop"),
        row.getBoolean("in_lane"),
        row.getInt("suspect"),
        Arrays.asList((Integer[]) row.getArray("misfits").getArray()),
        permit(row),
        new LeasedSlice.Mark(
            row.getInt("priority"),
            row.getObject("due_at", OffsetDateTime.class),
            row.getLong("slice_id")),
        values ? values(row) : null);
  }

  private static Optional<Permit> permit(ResultSet row) throws SQLException {
    int jobs = row.getInt("permitted");
    return row.wasNull()
        ? Optional.empty()
        : Optional.of(
            new Permit(
                jobs, row.getObject("permitted_until", OffsetDateTime.class), Duration.ZERO));
  }

  private static LeasedSlice.Values values(ResultSet row) throws SQLException {
    @Nullable Array vals = row.getArray("vals");
    List<List<@Nullable String>> parameters = new ArrayList<>();
    if (vals != null) {
      for (@Nullable String[] column : (@Nullable String[][]) vals.getArray()) {
        parameters.add(Arrays.asList(column));
      }
    }
    return new LeasedSlice.Values(
        Arrays.asList((String[]) row.getArray("keys").getArray()), parameters);
  }

  /** Asks for more jobs that may begin under the batch's rate. */
  public Permit permit(Connection connection, int batchId, int jobs) throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(
            connection,
            "select permitted, permitted_until, coalesce(extract(epoch from wait), 0) from"
                + " koyomi.permit(?, ?)")) {
      statement.setInt(1, batchId);
      statement.setInt(2, jobs);
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return new Permit(
            row.getInt(1),
            row.getObject(2, OffsetDateTime.class),
            Duration.ofMillis((long) Math.ceil(row.getDouble(3) * 1000)));
      }
    }
  }

  /**
   * Time until the next job of the batch that nobody holds is due, zero when it is; empty when
   * there is none.
   *
   * @param from as in {@link Ask}
   */
  public Optional<Duration> untilNextDue(
      Connection connection, int batchId, List<LeasedSlice.Mark> from) throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(
            connection, "select extract(epoch from koyomi.next_due_in(?, ?, ?))")) {
      statement.setInt(1, batchId);
      bindFrom(statement, 2, from);
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        double seconds = row.getDouble(1);
        return row.wasNull()
            ? Optional.empty()
            : Optional.of(Duration.ofMillis((long) Math.ceil(seconds * 1000)));
      }
    }
  }

  /** Where the slice stands; empty when it is not held under this lease any more. */
  public static Optional<Integer> position(Connection connection, LeasedSlice slice)
      throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select koyomi.position_of(?, ?)")) {
      statement.setLong(1, slice.id());
      statement.setLong(2, slice.lease());
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return Optional.ofNullable(row.getObject(1, Integer.class));
      }
    }
  }

  /** Whether this time has passed, by the database's clock. */
  public static boolean over(Connection connection, OffsetDateTime until) throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select koyomi.clock() > ?")) {
      statement.setObject(1, until);
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /**
   * What the owner of a slice should know of the rest of its batch.
   *
   * @param better the rest should be given back: the batch is paused, or better or older work waits
   * @param hands idle slots of other processes that find nothing to do
   */
  public record Outlook(boolean better, int hands) {}

  /**
   * Looks around for the owner of the slice.
   *
   * @param from as in {@link Ask}
   */
  public Outlook outlook(Connection connection, LeasedSlice slice, List<LeasedSlice.Mark> from)
      throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select better, hands from koyomi.outlook(?, ?, ?)")) {
      statement.setLong(1, slice.id());
      bindFrom(statement, 2, from);
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return new Outlook(row.getBoolean(1), row.getInt(2));
      }
    }
  }

  /**
   * Keeps one of so many pieces of what is left and gives back the others.
   *
   * @return the new stop; empty when the lease is lost
   */
  public Optional<Integer> split(Connection connection, LeasedSlice slice, int pieces)
      throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select koyomi.split(?, ?, ?)")) {
      statement.setLong(1, slice.id());
      statement.setLong(2, slice.lease());
      statement.setInt(3, pieces);
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return Optional.ofNullable(row.getObject(1, Integer.class));
      }
    }
  }

  /** Whether the last attempt of the job at the cursor failed for the same reason. */
  public boolean failedBefore(Connection connection, LeasedSlice slice, String errorClass)
      throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(
            connection,
            """
            select exists (select from koyomi.slice s
              join koyomi.failure f on f.chunk_id = s.chunk_id and f.attempt = s.attempt - 1
                                   and f.ordinal = coalesce(s.ordinals[s.position + 1], s.position)
              where s.id = ? and f.error_class = ?)
            """)) {
      statement.setLong(1, slice.id());
      statement.setString(2, errorClass);
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /**
   * Hands the jobs that were not worked back to the queue.
   *
   * @return the run that they are of; empty when nothing is held under the lease (any more)
   */
  public Optional<Long> giveBack(Connection connection, long worker, long lease)
      throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select koyomi.give_back(?, ?)")) {
      statement.setLong(1, worker);
      statement.setLong(2, lease);
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return Optional.ofNullable(row.getObject(1, Long.class));
      }
    }
  }

  /**
   * Gives back what the queue has under the worker's name and the worker knows nothing of: a lease
   * whose connection broke may commit after its slot has looked.
   *
   * @param known leases that the process holds or has asked for; looked at after the queue was
   * @return how many were given back
   */
  public int giveBackOthers(Connection connection, long worker, Supplier<Set<Long>> known)
      throws SQLException {
    List<Long> unknown = new ArrayList<>();
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select * from koyomi.leases_of(?)")) {
      statement.setLong(1, worker);
      try (ResultSet row = OwnStatement.query(statement)) {
        while (row.next()) {
          unknown.add(row.getLong(1));
        }
      }
    }
    unknown.removeAll(known.get());
    for (long lease : unknown) {
      Optional<Long> run = giveBack(connection, worker, lease);
      if (run.isPresent()) {
        finish(connection, run.get());
      }
    }
    return unknown.size();
  }

  /**
   * Records a failed attempt of the job at the position. Elsewhere than in a lane, or where the job
   * is dead and its lane goes on, the cursor moves past it; else the lease is over.
   *
   * @param retryAfter null: the job needs a person
   * @return the job's key
   * @throws SQLException with state {@link #FENCED} when the slice is no longer as leased
   */
  public String fail(
      Connection connection,
      LeasedSlice slice,
      int at,
      JobFailure failure,
      @Nullable Duration retryAfter)
      throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(
            connection, "select koyomi.fail(?, ?, ?, ?, ?, ?, make_interval(secs => ?))")) {
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
      try (ResultSet row = OwnStatement.query(statement)) {
        row.next();
        return row.getString(1);
      }
    }
  }

  /**
   * Sets aside the job at the position, whose payload lacks what the Unit needs.
   *
   * @throws SQLException with state {@link #FENCED} when the slice is no longer as leased
   */
  public void park(Connection connection, LeasedSlice slice, int at) throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select koyomi.park(?, ?, ?, ?)")) {
      statement.setLong(1, slice.id());
      statement.setLong(2, slice.lease());
      statement.setInt(3, at);
      statement.setArray(4, connection.createArrayOf("text", needed.toArray()));
      statement.execute();
    }
  }

  /**
   * After a slice's end: makes the retries of its run and closes the run when nothing of it is
   * left.
   */
  public void finish(Connection connection, long run) throws SQLException {
    try (PreparedStatement statement =
        OwnStatement.prepare(connection, "select koyomi.finish(?)")) {
      statement.setLong(1, run);
      statement.execute();
    }
  }

  /** SQLSTATE of the fence: look at the slice again; never a failed attempt. */
  public static final String FENCED = "KY001";

  /** SQLSTATE of a permit that has lapsed before the job began: ask for another. */
  public static final String PERMIT_LAPSED = "KY009";
}
