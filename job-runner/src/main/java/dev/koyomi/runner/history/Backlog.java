package dev.koyomi.runner.history;

import static dev.koyomi.runner.history.Columns.instant;
import static dev.koyomi.runner.history.Columns.instantIfAny;
import static dev.koyomi.runner.history.Columns.secondsIfAny;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;

/** Reads what batches have to do, and what decides whether they do it. */
public final class Backlog {
  private final Jdbi jdbi;

  public Backlog(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** What a registered batch has to do; empty for one that is not registered. */
  public Optional<QueueRow> queue(String batch) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select q.*, b.paused_at, b.paused_by, b.paused_why
                      from koyomi.backlog q join koyomi.batch b on b.name = q.batch
                      where q.batch = :batch
                    """)
                .bind("batch", batch)
                .map(
                    (row, _) ->
                        new QueueRow(
                            row.getString("batch"),
                            row.getLong("waiting"),
                            row.getLong("running"),
                            row.getLong("retrying"),
                            row.getLong("dead"),
                            instantIfAny(row, "paused_at"),
                            row.getString("paused_by"),
                            row.getString("paused_why")))
                .findOne());
  }

  /** What decides whether a registered batch works. */
  public Situation situation(String batch) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select koyomi.now() as now, b.suspended, b.max_concurrent, b.rate_jobs,
                           extract(epoch from b.rate_per) as rate_seconds,
                           (select count(*) from koyomi.worker w
                              where w.batch_id = b.id and w.kind = 'Worker' and w.stopped_at is null and w.lost_at is null
                                and w.draining_at is null) as workers,
                           (select count(*) from koyomi.worker w
                              where w.batch_id = b.id and w.kind = 'Worker' and w.stopped_at is null and w.lost_at is null
                                and w.draining_at is not null) as draining,
                           (select count(*) from koyomi.slice s where s.batch_id = b.id and s.worker_id is not null) as leases,
                           (select count(*) from koyomi.slice s where s.batch_id = b.id and s.suspect > 0) as alone,
                           (select coalesce(sum(u.jobs), 0) from koyomi.rate r cross join lateral unnest(r.spent) with ordinality as u(jobs, n)
                              where r.batch_id = b.id
                                and r.bucket - 11 + u.n > floor(extract(epoch from koyomi.now()) / (extract(epoch from b.rate_per) / 10)) - 11) as rate_spent,
                           extract(epoch from koyomi.next_due_in(b.id)) as next_due_seconds,
                           (select min(at) from (
                              select min(f.retry_at) as at from koyomi.failure f join koyomi.run r on r.id = f.run_id
                                where r.batch_id = b.id and r.state in ('Selecting', 'Running') and not f.cut
                              union all
                              select min(s.due_at) from koyomi.slice s
                                where s.batch_id = b.id and s.lease is null and s.lane is null and s.attempt > 1
                              union all
                              select min(l.due_at) from koyomi.lane l
                                where l.batch_id = b.id and l.lease is null and l.stopped_at is null) as retries
                              where at > koyomi.now()) as retry_at,
                           (select min(w.hindered) from koyomi.worker w
                              where w.batch_id = b.id and w.kind = 'Worker' and w.stopped_at is null and w.lost_at is null) as hindered,
                           selecting.id as selecting_run, selecting.selecting_since, selecting.pod, selecting.message as selecting_problem
                      from koyomi.batch b
                      left join lateral (
                        select r.id, r.selecting_since, r.message, w.pod from koyomi.run r
                          left join koyomi.worker w on w.id = r.selector_id and w.stopped_at is null and w.lost_at is null
                          where r.batch_id = b.id and r.state = 'Selecting' order by r.id desc limit 1) as selecting on true
                      where b.name = :batch
                    """)
                .bind("batch", batch)
                .map((row, _) -> situation(row))
                .one());
  }

  private static Situation situation(ResultSet row) throws SQLException {
    return new Situation(
        instant(row, "now"),
        row.getBoolean("suspended"),
        row.getInt("workers"),
        row.getInt("draining"),
        row.getInt("leases"),
        row.getObject("max_concurrent", Integer.class),
        row.getObject("rate_jobs", Integer.class),
        secondsIfAny(row, "rate_seconds"),
        row.getLong("rate_spent"),
        secondsIfAny(row, "next_due_seconds"),
        instantIfAny(row, "retry_at"),
        row.getInt("alone"),
        row.getString("hindered"),
        row.getObject("selecting_run", Long.class),
        instantIfAny(row, "selecting_since"),
        row.getString("pod"),
        row.getString("selecting_problem"));
  }

  /** Lanes of the batch that a job which needs attention holds, in their order. */
  public List<HeldLane> stoppedLanes(String batch) {
    return heldLanes(batch).stream().filter(HeldLane::stopped).toList();
  }

  /** These, and lanes in which a job waits for its next attempt, in their order. */
  public List<HeldLane> heldLanes(String batch) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select * from koyomi.held_lanes where batch = :batch order by lane")
                .bind("batch", batch)
                .map(
                    (row, _) ->
                        new HeldLane(
                            row.getInt("lane"),
                            row.getLong("run_id"),
                            row.getString("key"),
                            row.getString("error_class"),
                            row.getString("message"),
                            instant(row, "at"),
                            instantIfAny(row, "retry_at"),
                            row.getLong("waiting")))
                .list());
  }
}
