package dev.koyomi.runner.history;

import static dev.koyomi.runner.history.Columns.instantIfAny;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * Reads single jobs. The queue keeps them in chunks: those that can hold a job that is asked for
 * are found first, a few at a time, and only these are looked into.
 */
public final class Jobs {
  private static final int CHUNKS_AT_A_TIME = 20;

  private final Jdbi jdbi;

  public Jobs(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * Which jobs are meant; a part that is empty leaves nothing out.
   *
   * @param batchId the batch's number in the queue
   */
  public record Filter(
      int batchId, Optional<Long> run, Optional<JobRow.State> state, Optional<String> key) {}

  /**
   * Jobs that nobody has taken yet, then those of the newest runs first, in the order in which they
   * were selected.
   */
  public List<JobRow> list(Filter filter, int limit) {
    return jdbi.inTransaction(
        handle -> {
          List<JobRow> found = new ArrayList<>(enqueued(handle, filter, limit));
          Place after = new Place(Long.MAX_VALUE, 0);
          while (found.size() < limit) {
            List<Place> chunks = chunks(handle, filter, after);
            if (chunks.isEmpty()) {
              break;
            }
            found.addAll(within(handle, filter, chunks, limit - found.size()));
            after = chunks.getLast();
          }
          return found;
        });
  }

  /** Runs are looked through from the newest, each from its first chunk. */
  private record Place(long run, long chunk) {}

  private static List<JobRow> enqueued(Handle handle, Filter filter, int limit) {
    boolean meant =
        filter.run().isEmpty() && filter.state().map(JobRow.State.Waiting::equals).orElse(true);
    return !meant
        ? List.of()
        : handle
            .createQuery(
                """
                select null as run_id, j.id as job_id, j.key, 'Waiting' as state, 1 as attempt, i.due_at as at,
                       null as error_class, null as message
                  from koyomi.inbox i cross join lateral unnest(i.ids, i.keys) as j(id, key)
                  where i.batch_id = :batchId and (cast(:key as text) is null or j.key = :key)
                  order by i.priority, i.due_at, i.id
                  limit :limit
                """)
            .bind("batchId", filter.batchId())
            .bind("key", filter.key().orElse(null))
            .bind("limit", limit)
            .map((row, _) -> job(row))
            .list();
  }

  private static List<Place> chunks(Handle handle, Filter filter, Place after) {
    // The inner limit keeps the planner from anything but: run by run, each from its first chunk.
    return handle
        .createQuery(
            """
            select r.id as run_id, c.id as chunk_id
              from (select r.* from koyomi.run r
                      where r.batch_id = :batchId and r.id <= :afterRun and (cast(:run as bigint) is null or r.id = :run) and %s
                      order by r.id desc offset 0) as r
              cross join lateral (
                select c.id from (%s) as c
                  where (r.id < :afterRun or c.id > :afterChunk)
                    and (cast(:key as text) is null
                         or exists (select from koyomi.chunk k where k.id = c.id and :key = any (k.keys)))
                  order by c.id limit :chunks) as c
              limit :chunks
            """
                .formatted(
                    filter.state().map(Jobs::runsWith).orElse("true"),
                    filter.state().map(Jobs::chunksWith).orElse(ALL_CHUNKS)))
        .bind("batchId", filter.batchId())
        .bind("run", filter.run().orElse(null))
        .bind("key", filter.key().orElse(null))
        .bind("afterRun", after.run())
        .bind("afterChunk", after.chunk())
        .bind("chunks", CHUNKS_AT_A_TIME)
        .map((row, _) -> new Place(row.getLong("run_id"), row.getLong("chunk_id")))
        .list();
  }

  /** What a selection has written that is not dispatched is no job yet, or never. */
  private static final String ALL_CHUNKS =
      "select a.id from koyomi.chunk a where a.run_id = r.id and a.selector_token is distinct from"
          + " r.selector_token and (r.abandoned is null or a.selector_token <> all (r.abandoned))";

  private static String runsWith(JobRow.State state) {
    return switch (state) {
      case Waiting, Running, Retrying -> "r.state in ('Selecting', 'Running')";
      case Failed ->
          "exists (select from koyomi.dead d where d.run_id = r.id and d.discarded_at is null)";
      case Discarded ->
          "exists (select from koyomi.dead d where d.run_id = r.id and d.discarded_at is not null)";
      case Skipped -> "exists (select from koyomi.skipped k where k.run_id = r.id)";
      case Done, Cancelled -> "true";
    };
  }

  private static String chunksWith(JobRow.State state) {
    return switch (state) {
      case Waiting ->
          "select distinct s.chunk_id as id from koyomi.slice s where s.run_id = r.id and s.lease"
              + " is null and (s.attempt = 1 or s.lane is not null)";
      case Running ->
          "select distinct s.chunk_id as id from koyomi.slice s where s.run_id = r.id and s.lease"
              + " is not null";
      case Retrying ->
          """
          select s.chunk_id as id from koyomi.slice s where s.run_id = r.id and s.lease is null and s.attempt > 1
          union select f.chunk_id from koyomi.failure f where f.run_id = r.id and not f.cut\
          """;
      case Failed ->
          "select distinct d.chunk_id as id from koyomi.dead d where d.run_id = r.id and"
              + " d.discarded_at is null";
      case Discarded ->
          "select distinct d.chunk_id as id from koyomi.dead d where d.run_id = r.id and"
              + " d.discarded_at is not null";
      case Cancelled ->
          "select distinct w.chunk_id as id from koyomi.work w where w.run_id = r.id and w.kind in"
              + " ('Cancelled', 'Expired') and w.chunk_id is not null";
      case Skipped ->
          ALL_CHUNKS + " and exists (select from koyomi.skipped k where k.chunk_id = a.id)";
      case Done ->
          """
          select w.chunk_id as id from koyomi.work w where w.run_id = r.id and w.kind = 'Done'
          union select s.chunk_id from koyomi.slice s where s.run_id = r.id and s.position > s.started\
          """;
    };
  }

  private static List<JobRow> within(Handle handle, Filter filter, List<Place> chunks, int limit) {
    return handle
        .createQuery(
            """
            with live as materialized (
              select s.chunk_id, coalesce(s.ordinals[at + 1], at) as ordinal, s.lease is not null as held, s.leased_at,
                     case when s.lane is null or at = s.position then s.attempt else 1 end as attempt,
                     case when s.lane is not null and at = s.position and s.attempt > 1 then l.due_at else s.due_at end as due_at
                from koyomi.slice s
                left join koyomi.lane l on l.batch_id = s.batch_id and l.lane = s.lane
                cross join lateral generate_series(s.position, s.stop - 1) as at
                where s.run_id = any (:runs) and s.chunk_id = any (:chunks)),
            ended as materialized (
              select distinct on (w.chunk_id, o.ordinal) w.chunk_id, o.ordinal, w.kind, w.attempt, w.ended_at
                from koyomi.work w
                cross join lateral unnest(coalesce(w.ordinals, array(select generate_series(w.first, w.stop - 1)))) as o(ordinal)
                where w.run_id = any (:runs) and w.chunk_id = any (:chunks)
                order by w.chunk_id, o.ordinal, w.id desc),
            listed as (
              select c.run_id, c.id as chunk_id, k.n, c.ids[k.n] as job_id, k.key,
                     case when d.discarded_at is not null then 'Discarded'
                          when d.chunk_id is not null then 'Failed'
                          when l.held then 'Running'
                          when l.attempt > 1 or f.waits then 'Retrying'
                          when l.chunk_id is not null then 'Waiting'
                          when s.chunk_id is not null then 'Skipped'
                          when e.kind in ('Cancelled', 'Expired') then 'Cancelled'
                          else 'Done' end as state,
                     coalesce(d.attempt, l.attempt, case when f.waits then f.attempt + 1 end, e.attempt, 1) as attempt,
                     case when d.chunk_id is not null then coalesce(d.discarded_at, d.at)
                          when l.held then l.leased_at
                          when l.chunk_id is not null then l.due_at
                          when f.waits then f.retry_at
                          else e.ended_at end as at,
                     f.error_class, f.message
                from koyomi.chunk c
                cross join lateral unnest(c.keys) with ordinality as k(key, n)
                left join koyomi.dead d on d.chunk_id = c.id and d.ordinal = k.n - 1
                left join live l on l.chunk_id = c.id and l.ordinal = k.n - 1
                left join koyomi.skipped s on s.chunk_id = c.id and s.ordinal = k.n - 1
                left join ended e on e.chunk_id = c.id and e.ordinal = k.n - 1
                left join lateral (
                  select f.attempt, f.error_class, f.message, f.retry_at, not f.cut as waits from koyomi.failure f
                    where f.chunk_id = c.id and f.ordinal = k.n - 1 order by f.attempt desc limit 1) as f on true
                where c.id = any (:chunks) and (cast(:key as text) is null or k.key = :key))
            select * from listed
              where cast(:state as text) is null or state = :state
              order by run_id desc, chunk_id, n
              limit :limit
            """)
        .bindArray("runs", Long.class, chunks.stream().map(Place::run).distinct().toArray())
        .bindArray("chunks", Long.class, chunks.stream().map(Place::chunk).toArray())
        .bind("key", filter.key().orElse(null))
        .bind("state", filter.state().map(JobRow.State::name).orElse(null))
        .bind("limit", limit)
        .map((row, _) -> job(row))
        .list();
  }

  private static JobRow job(ResultSet row) throws SQLException {
    return new JobRow(
        number(row, "run_id"),
        number(row, "job_id"),
        row.getString("key"),
        JobRow.State.valueOf(row.getString("state")),
        row.getInt("attempt"),
        instantIfAny(row, "at"),
        row.getString("error_class"),
        row.getString("message"));
  }

  private static @Nullable Long number(ResultSet row, String column) throws SQLException {
    long number = row.getLong(column);
    return row.wasNull() ? null : number;
  }
}
