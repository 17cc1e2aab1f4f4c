-- What people and programs look at. Columns are only added: release 0.1.0 reads these views too.

create function koyomi.stops_lane(p_slice koyomi.slice) returns boolean
  language sql stable
  return p_slice.lane is not null and exists (
    select from koyomi.lane l where l.batch_id = p_slice.batch_id and l.lane = p_slice.lane and l.stopped_chunk = p_slice.chunk_id);
comment on function koyomi.stops_lane is 'The job at the cursor is dead and holds its lane: it is counted as dead, and neither waits nor is tried again.';

create or replace view koyomi.runs as
  select r.id, b.name as batch, r.occurrence, r.request, r.entry, r.logical_date, r.revision, r.state, r.reason, r.message, r.attempt,
         r.exclusive,
         case when r.open_until is null or r.selected is not null then r.selected
              else coalesce((select sum(c.size) from koyomi.chunk c where c.run_id = r.id), 0) + logged.unpacked end::bigint as selected,
         r.duplicates,
         logged.succeeded + live.succeeded as succeeded,
         logged.skipped + live.skipped as skipped,
         (select count(*) from koyomi.dead d where d.run_id = r.id and d.discarded_at is null) as dead,
         logged.cancelled,
         (select count(*) from koyomi.failure f where f.run_id = r.id and not f.cut)
           + (select coalesce(sum(case when s.lane is null then s.stop - s.position else 1 end), 0) from koyomi.slice s
                where s.run_id = r.id and s.attempt > 1 and not koyomi.stops_lane(s)) as retrying,
         r.created_at, r.dispatched_at, r.ended_at,
         (select count(*) from koyomi.dead d where d.run_id = r.id and d.discarded_at is not null) as discarded,
         logged.expired
  from koyomi.run r
  join koyomi.batch b on b.id = r.batch_id
  cross join lateral (
    select coalesce(sum(w.succeeded), 0) as succeeded, coalesce(sum(w.skipped), 0) as skipped,
           coalesce(sum(w.cancelled) filter (where w.kind = 'Cancelled'), 0) as cancelled,
           coalesce(sum(w.cancelled) filter (where w.kind = 'Expired'), 0) as expired,
           coalesce(sum(w.cancelled) filter (where w.chunk_id is null), 0) as unpacked
    from koyomi.work w where w.run_id = r.id) logged
  cross join lateral (
    select coalesce(sum(s.position - s.started - o.failed - o.skipped), 0) as succeeded, coalesce(sum(o.skipped), 0) as skipped
    from koyomi.slice s cross join lateral koyomi.outcomes(s) as o
    where s.run_id = r.id and s.position > s.started) live;

create or replace view koyomi.backlog as
  select b.name as batch,
         coalesce(s.waiting, 0) - coalesce(l.stopped, 0) + coalesce(f.jobs, 0) + coalesce(i.jobs, 0) as waiting,
         coalesce(s.running, 0) as running,
         coalesce(s.retrying, 0) + coalesce(f.jobs, 0) as retrying,
         coalesce(d.jobs, 0) as dead
  from koyomi.batch b
  left join (
    select batch_id,
           sum(stop - position) filter (where lease is null) as waiting,
           sum(stop - position) filter (where lease is not null) as running,
           sum(case when lane is null then stop - position else 1 end) filter (where lease is null and attempt > 1 and not koyomi.stops_lane(slice)) as retrying
    from koyomi.slice group by batch_id) s on s.batch_id = b.id
  left join (
    select batch_id, count(*) as stopped from koyomi.lane where stopped_at is not null group by batch_id) l on l.batch_id = b.id
  left join (
    select r.batch_id, count(*) as jobs from koyomi.failure f join koyomi.run r on r.id = f.run_id where not f.cut group by r.batch_id) f
    on f.batch_id = b.id
  left join (
    select i.batch_id, sum(cardinality(i.ids)) as jobs from koyomi.inbox i group by i.batch_id) i on i.batch_id = b.id
  left join (
    select r.batch_id, count(*) as jobs from koyomi.dead d join koyomi.run r on r.id = d.run_id where d.discarded_at is null group by r.batch_id) d
    on d.batch_id = b.id;

create view koyomi.held_lanes as
  select b.name as batch, l.lane, held.run_id, held.key, held.error_class, held.message, held.at, held.retry_at,
         (select coalesce(sum(s.stop - s.position), 0) - 1 from koyomi.slice s where s.batch_id = l.batch_id and s.lane = l.lane) as waiting
  from koyomi.lane l
  join koyomi.batch b on b.id = l.batch_id
  cross join lateral (
    select d.run_id, d.key, d.error_class, d.message, l.stopped_at as at, null::timestamptz as retry_at
      from koyomi.dead d where d.chunk_id = l.stopped_chunk and d.ordinal = l.stopped_ordinal
    union all
    select s.run_id, c.keys[f.ordinal + 1], f.error_class, f.message, f.at, l.due_at
      from koyomi.head_of_lane(l.batch_id, l.lane) as s
        join koyomi.chunk c on c.id = s.chunk_id
        join koyomi.failure f on f.chunk_id = s.chunk_id and f.ordinal = coalesce(s.ordinals[s.position + 1], s.position)
                             and f.attempt = s.attempt - 1 and f.held
      where l.lease is null and l.stopped_at is null) as held;
comment on view koyomi.held_lanes is 'Lanes that a failed job holds, until its retry or (retry_at is null; spec.job.order.onDead: StopLane) until a person decides, and how many jobs wait behind it.';
