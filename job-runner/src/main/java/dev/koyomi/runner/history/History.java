package dev.koyomi.runner.history;

import static dev.koyomi.runner.history.Columns.instant;
import static dev.koyomi.runner.history.Columns.instantIfAny;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;

/** Reads runs and failed jobs; what is still to come is Backlog's. */
public final class History {
  private final Jdbi jdbi;

  public History(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * The newest runs first.
   *
   * @param batch namespace/name; all batches when empty
   */
  public List<RunRow> runs(Optional<String> batch, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select * from koyomi.runs
                      where cast(:batch as text) is null or batch = :batch
                      order by id desc
                      limit :limit
                    """)
                .bind("batch", batch.orElse(null))
                .bind("limit", limit)
                .map((row, _) -> run(row))
                .list());
  }

  /** Runs of a batch that are not over, but for the days' of enqueued jobs, the newest first. */
  public List<RunRow> openRuns(String batch) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select * from koyomi.runs where id in (
                      select r.id from koyomi.run r join koyomi.batch b on b.id = r.batch_id
                        where b.name = :batch and r.state in ('Selecting', 'Running') and r.open_until is null)
                      order by id desc
                    """)
                .bind("batch", batch)
                .map((row, _) -> run(row))
                .list());
  }

  public Optional<RunRow> run(long id) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select * from koyomi.runs where id = :id")
                .bind("id", id)
                .map((row, _) -> run(row))
                .findOne());
  }

  /** The newest run of the batch that a trigger selected for, or selects for. */
  public Optional<RunRow> newestOfTrigger(String batch) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select * from koyomi.runs where id = (
                      select r.id from koyomi.run r join koyomi.batch b on b.id = r.batch_id
                        where b.name = :batch and r.state <> 'Skipped' and r.open_until is null
                        order by r.id desc limit 1)
                    """)
                .bind("batch", batch)
                .map((row, _) -> run(row))
                .findOne());
  }

  /** Which failed jobs are meant; a part that is empty leaves nothing out. */
  public record Filter(
      Optional<String> batch, Optional<Long> run, List<String> keys, Optional<String> error) {
    public Filter {
      keys = List.copyOf(keys);
    }
  }

  /**
   * What was found.
   *
   * @param total how many there are, those beyond the limit included
   */
  public record FailedJobs(long total, List<FailedJob> jobs) {
    public FailedJobs {
      jobs = List.copyOf(jobs);
    }
  }

  private record Counted(FailedJob job, long total) {}

  /** The runs of failed jobs, the oldest first. */
  public List<RunRow> runsInNeed(Filter filter) {
    return jdbi.withHandle(
        handle ->
            meant(
                    handle.createQuery(
                        "select * from koyomi.runs where id in (select d.run_id %s) order by id"
                            .formatted(MEANT)),
                    filter)
                .map((row, _) -> run(row))
                .list());
  }

  /** Those of the filter's keys that no job in need of attention has. */
  public List<String> keysNotInNeed(Filter filter) {
    return jdbi.withHandle(
        handle ->
            meant(
                    handle.createQuery(
                        """
                        select k.key from unnest(cast(:keys as text[])) with ordinality as k(key, n)
                          where not exists (select %s and d.key = k.key) order by k.n
                        """
                            .formatted(MEANT)),
                    filter)
                .mapTo(String.class)
                .list());
  }

  private static Query meant(Query query, Filter filter) {
    return query
        .bind("batch", filter.batch().orElse(null))
        .bind("run", filter.run().orElse(null))
        .bind("error", filter.error().orElse(null))
        .bindArray("keys", String.class, filter.keys());
  }

  private static final String MEANT =
      """
      from koyomi.dead d
        join koyomi.run r on r.id = d.run_id
        join koyomi.batch b on b.id = r.batch_id
        where d.discarded_at is null
          and (cast(:batch as text) is null or b.name = :batch)
          and koyomi.is_of(d.error_class, :error)
          and (cast(:run as bigint) is null or d.run_id = :run)
          and (cardinality(cast(:keys as text[])) = 0 or d.key = any (:keys))\
      """;

  /** Failed jobs, those of the newest runs first, in the order in which they were selected. */
  public FailedJobs failed(Filter filter, int limit) {
    List<Counted> found =
        jdbi.withHandle(
            handle ->
                meant(
                        handle.createQuery(
                            """
                            select d.chunk_id, d.ordinal, d.run_id, b.name as batch, d.key, d.payload::text as payload, d.kind,
                                   d.attempt, d.error_class, d.message, d.at, count(*) over () as total
                            %s
                            order by d.run_id desc, d.chunk_id, d.ordinal
                            limit :limit
                            """
                                .formatted(MEANT)),
                        filter)
                    .bind("limit", limit)
                    .map((row, _) -> new Counted(failedJob(row), row.getLong("total")))
                    .list());
    return new FailedJobs(
        found.isEmpty() ? 0 : found.getFirst().total(), found.stream().map(Counted::job).toList());
  }

  /**
   * The next attempt of a job that failed.
   *
   * @param message why it failed
   */
  public record NextAttempt(Instant at, String message) {}

  /** What a run waits for of which nothing is worked, and nothing could be at this moment. */
  public Optional<NextAttempt> nextAttempt(long run) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select retry_at, message from (
                      select f.retry_at, f.message from koyomi.failure f where f.run_id = :run and not f.cut
                      union all
                      select s.due_at, f.message from koyomi.slice s
                        join koyomi.failure f on f.chunk_id = s.chunk_id and f.ordinal = s.ordinals[s.position + 1] and f.attempt = s.attempt - 1
                        where s.run_id = :run and s.lane is null and s.lease is null
                      union all
                      select l.retry_at, l.message from koyomi.held_lanes l where l.run_id = :run) as next
                      where retry_at > koyomi.now()
                        and not exists (select from koyomi.failure f where f.run_id = :run and not f.cut and f.retry_at <= koyomi.now())
                        and not exists (select from koyomi.slice s left join koyomi.lane l on l.batch_id = s.batch_id and l.lane = s.lane
                                          where s.run_id = :run
                                            and (s.lease is not null or l.lease is not null
                                                 or case when s.lane is null then s.due_at else l.due_at end <= koyomi.now() and l.stopped_at is null))
                      order by retry_at limit 1
                    """)
                .bind("run", run)
                .map(
                    (row, _) -> new NextAttempt(instant(row, "retry_at"), row.getString("message")))
                .findOne());
  }

  /** Every failed attempt of a job, the first one first. */
  public List<Attempt> attempts(FailedJob job) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select f.attempt, f.error_class, f.message, coalesce(w.pod, '') as pod, f.at
                      from koyomi.failure f
                      left join koyomi.worker w on w.id = f.worker_id
                      where f.chunk_id = :chunk and f.ordinal = :ordinal
                      order by f.attempt
                    """)
                .bind("chunk", job.chunk())
                .bind("ordinal", job.ordinal())
                .map(
                    (row, _) ->
                        new Attempt(
                            row.getInt("attempt"),
                            row.getString("error_class"),
                            row.getString("message"),
                            row.getString("pod"),
                            instant(row, "at")))
                .list());
  }

  private static RunRow run(ResultSet row) throws SQLException {
    return new RunRow(
        row.getLong("id"),
        row.getString("batch"),
        instant(row, "occurrence"),
        row.getString("request"),
        row.getObject("logical_date", LocalDate.class),
        row.getString("state"),
        row.getString("reason"),
        row.getString("message"),
        row.getObject("selected", Long.class),
        row.getLong("succeeded"),
        row.getLong("skipped"),
        row.getLong("dead"),
        row.getLong("discarded"),
        row.getLong("cancelled"),
        row.getLong("expired"),
        row.getLong("retrying"),
        instant(row, "created_at"),
        instantIfAny(row, "ended_at"));
  }

  private static FailedJob failedJob(ResultSet row) throws SQLException {
    return new FailedJob(
        row.getLong("chunk_id"),
        row.getInt("ordinal"),
        row.getLong("run_id"),
        row.getString("batch"),
        row.getString("key"),
        row.getString("payload"),
        row.getString("kind"),
        row.getInt("attempt"),
        row.getString("error_class"),
        row.getString("message"),
        instant(row, "at"));
  }
}
