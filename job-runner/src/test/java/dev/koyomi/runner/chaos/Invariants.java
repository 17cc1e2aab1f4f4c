package dev.koyomi.runner.chaos;

import java.util.ArrayList;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** What must be true when nothing is left to do, whatever was done to the queue. */
final class Invariants {
  private static final String ENDS =
      """
      job as (
        select coalesce((c.jobs -> (k.n - 1)::int ->> 'day')::date, r.logical_date) as day, c.run_id, c.id as chunk, k.n - 1 as ordinal, k.key
          from koyomi.chunk c join koyomi.run r on r.id = c.run_id
          cross join lateral unnest(c.keys) with ordinality as k(key, n)),
      unworked as (
        select w.chunk_id as chunk, unnest(coalesce(w.ordinals, array(select generate_series(w.first, w.stop - 1)))) as ordinal
          from koyomi.work w where w.kind in ('Cancelled', 'Expired') and w.chunk_id is not null),
      succeeded as (
        select j.* from job j
          where not exists (select from unworked u where (u.chunk, u.ordinal) = (j.chunk, j.ordinal))
            and not exists (select from koyomi.dead d where (d.chunk_id, d.ordinal) = (j.chunk, j.ordinal))
            and not exists (select from koyomi.skipped s where (s.chunk_id, s.ordinal) = (j.chunk, j.ordinal)))\
      """;

  private final Jdbi jdbi;

  Invariants(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** One sentence for each that is broken. */
  List<String> broken(Workload workload) {
    List<String> broken = new ArrayList<>();
    count(
        broken,
        "runs of one identity",
        "select count(*) from (select from koyomi.run where open_until is null group by batch_id,"
            + " request, case when request = '' then occurrence end having count(*) > 1) x");
    count(
        broken,
        "runs that did not end",
        "select count(*) from koyomi.run where ended_at is null and open_until is null");
    count(broken, "slices left", "select count(*) from koyomi.slice");
    if (!broken.isEmpty()) {
      broken.add(
          text(
              "select 'lanes: ' || string_agg(l::text, ' ') from koyomi.lane l where exists (select"
                  + " from koyomi.slice s where s.lane = l.lane)"));
      broken.add(
          text(
              "select 'slices: ' || string_agg(s::text, ' ' order by s.id) from (select * from"
                  + " koyomi.slice order by id limit 3) s"));
      broken.add(
          text(
              "select 'workers: ' || string_agg(w::text, ' ' order by w.id) from koyomi.worker w"
                  + " where stopped_at is null and lost_at is null"));
    }
    count(broken, "jobs left in the inbox", "select count(*) from koyomi.inbox");
    count(broken, "uncut failures", "select count(*) from koyomi.failure where not cut");
    count(
        broken,
        "targets that one selection has twice",
        "select count(*) from (select from koyomi.chunk c cross join unnest(c.keys) as key where"
            + " c.ids is null group by c.run_id, c.selector_token, key having count(*) > 1) x");
    count(
        broken,
        "dispatched runs that lack a target (2)",
        "select count(*) from koyomi.run r where r.dispatched_at is not null and r.open_until is"
            + " null and (select count(distinct key) from koyomi.chunk c cross join unnest(c.keys)"
            + " as key where c.run_id = r.id and c.ids is null and c.selector_token <> all"
            + " (coalesce(r.abandoned, '{}'))) <> (select count(*) from target)");
    count(
        broken,
        "enqueued jobs that are not there once",
        "select count(*) from asked a left join (select job as id, count(*) as n from koyomi.chunk"
            + " c cross join unnest(c.ids) as job group by job) c using (id) where c.n > 1 or"
            + " a.certain and c.n is null");
    count(
        broken,
        "jobs whose enqueueing was rolled back",
        "select count(*) from koyomi.chunk c cross join unnest(c.ids) as job where not exists"
            + " (select from asked a where a.id = job)");
    count(broken, "keys that nobody holds any more", "select count(*) from koyomi.unique_job");
    count(
        broken,
        "keys whose effects are not their successes (3, 6)",
        "with "
            + ENDS
            + """
            , should as (select day, key, count(*) as n from succeeded group by day, key),
            is_so as (select day, n::text as key, count(*) as n from effect group by day, effect.n)
            select count(*) from should full join is_so using (day, key) where should.n is distinct from is_so.n
            """);
    count(
        broken,
        "targets that a run has done twice (3)",
        "with "
            + ENDS
            + " select count(*) from (select from succeeded s join koyomi.chunk c on c.id = s.chunk"
            + " where c.ids is null group by s.run_id, s.key having count(*) > 1) as twice");
    count(
        broken,
        "ended runs whose numbers do not add up (4)",
        "select count(*) from koyomi.runs where ended_at is not null and state <> 'Skipped' and"
            + " coalesce(selected, 0) <> succeeded + skipped + dead + discarded + cancelled +"
            + " expired");
    count(
        broken,
        "runs whose successes are not their jobs' (4)",
        "with "
            + ENDS
            + " select count(*) from koyomi.runs r where r.succeeded <> (select count(*) from"
            + " succeeded s where s.run_id = r.id)");
    // One machine has one clock: that no process writes its own is ArchitectureTest's to see.
    count(
        broken,
        "times that are not the database's (7)",
        """
        select count(*) from (
          select unnest(array[created_at, dispatched_at, ended_at]) as at from koyomi.run where open_until is null
          union all select unnest(array[began_at, ended_at]) from koyomi.work
          union all select at from koyomi.failure
          union all select at from koyomi.dead
          union all select unnest(array[started_at, stopped_at, lost_at, draining_at]) from koyomi.worker) as times
          where at < (select at from began) or at > clock_timestamp()
        """);
    if (workload.ordered()) {
      count(
          broken,
          "jobs that began before one ahead of them in their lane had ended (5)",
          """
          with ranked as (
            select e.*, max(e.n) over (partition by e.day, e.lane order by e.n rows between unbounded preceding and 1 preceding) as should
              from effect e)
          select count(*) from ranked where before is distinct from should
          """);
    }
    return broken;
  }

  private String text(String sql) {
    return jdbi.withHandle(
        handle -> handle.createQuery(sql).mapTo(String.class).findOne().orElse(""));
  }

  private void count(List<String> broken, String what, String sql) {
    long found = jdbi.withHandle(handle -> handle.createQuery(sql).mapTo(Long.class).one());
    if (found > 0) {
      broken.add(found + " " + what);
    }
  }
}
