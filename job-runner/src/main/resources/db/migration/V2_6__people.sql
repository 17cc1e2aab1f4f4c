-- What people ask for. Each is one transaction and returns how many jobs it touched: rolled back, it is its own dry run.

create function koyomi.is_of(p_error_class text, p_error text) returns boolean
  language sql immutable
  return p_error is null or p_error in (p_error_class, case when length(p_error_class) = 5 then left(p_error_class, 2) end);
comment on function koyomi.is_of is 'Whether an error is the one that is asked for, or of that class of SQLSTATEs (PostgreSQL manual, appendix A: the first two characters). Null asks for any.';

create function koyomi.retry_dead(p_run bigint, p_keys text[], p_error text) returns int
  language plpgsql as $$
declare
  v_run koyomi.run;
  v_in_place int;
  v_jobs int;
begin
  select * into v_run from koyomi.run where id = p_run for no key update;
  if v_run.state = 'Cancelled' then
    raise exception 'run % was cancelled: its jobs cannot be retried', p_run using errcode = 'KY004';
  end if;
  if v_run.state = 'Selecting' then
    -- They may be selected again, and would be done twice.
    raise exception 'run % is being selected at this moment: retry its jobs when it has been dispatched', p_run using errcode = 'KY004';
  end if;
  if not exists (select from koyomi.dead where run_id = p_run and discarded_at is null
                   and (p_keys is null or key = any (p_keys)) and koyomi.is_of(error_class, p_error)) then
    return 0;
  end if;
  begin
    update koyomi.run set state = 'Running', reason = null, message = null, ended_at = null, kept_at = null
      where id = p_run and state in ('PartiallyFailed', 'Failed');
  exception when unique_violation then
    raise exception 'another run of this batch is open: retry the jobs of run % when it is over', p_run using errcode = 'KY004';
  end;
  -- A job that stopped its lane is still at the lane's head, and goes first.
  with held as (
    select l.lane, d.chunk_id, d.ordinal from koyomi.lane l join koyomi.dead d on d.chunk_id = l.stopped_chunk and d.ordinal = l.stopped_ordinal
      where l.batch_id = v_run.batch_id and d.run_id = p_run
        and (p_keys is null or d.key = any (p_keys)) and koyomi.is_of(d.error_class, p_error)
      order by l.lane for update of l),
  freed as (
    update koyomi.lane l set stopped_at = null, stopped_chunk = null, stopped_ordinal = null, due_at = koyomi.now()
      from held h where l.batch_id = v_run.batch_id and l.lane = h.lane
      returning h.chunk_id, h.ordinal),
  taken as (
    delete from koyomi.dead d using freed f where d.chunk_id = f.chunk_id and d.ordinal = f.ordinal returning d.ordinal)
  select count(*) into v_in_place from taken;
  with taken as (
    delete from koyomi.dead where run_id = p_run and discarded_at is null
        and (p_keys is null or key = any (p_keys)) and koyomi.is_of(error_class, p_error)
      returning chunk_id, ordinal, attempt),
  made as (
    insert into koyomi.slice (batch_id, run_id, chunk_id, attempt, prior, ordinals, stop, due_at, priority, uniq)
      select v_run.batch_id, p_run, t.chunk_id, t.attempt + 1, t.attempt, array_agg(t.ordinal order by t.ordinal), count(*), koyomi.now(),
             (select b.priority from koyomi.batch b where b.id = v_run.batch_id), false
      from taken t group by t.chunk_id, t.attempt
      returning stop)
  select v_in_place + coalesce(sum(stop), 0) into v_jobs from made;
  perform koyomi.retire_old_workers(v_run.batch_id);
  perform koyomi.wake(v_run.batch_id);
  return v_jobs;
end $$;
comment on function koyomi.retry_dead is 'Gives jobs that need attention a new set of attempts. Of an ordered batch they are worked out of order, but for those that stopped their lane.';

create or replace function koyomi.redrive(p_run bigint, p_keys text[] default null) returns int
  language sql as $$ select koyomi.retry_dead(p_run, p_keys, null) $$;
comment on function koyomi.redrive is 'For release 0.1.0.';

create function koyomi.pass_stopped(p_batch int, p_lane int) returns void
  language plpgsql as $$
declare
  v_lane koyomi.lane;
  v_slice koyomi.slice;
begin
  select * into v_lane from koyomi.lane where batch_id = p_batch and lane = p_lane and stopped_at is not null for update;
  if not found then
    return;
  end if;
  update koyomi.lane set stopped_at = null, stopped_chunk = null, stopped_ordinal = null, due_at = koyomi.now() where batch_id = p_batch and lane = p_lane;
  select * into v_slice from koyomi.head_of_lane(p_batch, p_lane);
  if v_slice.chunk_id is distinct from v_lane.stopped_chunk
     or coalesce(v_slice.ordinals[v_slice.position + 1], v_slice.position) is distinct from v_lane.stopped_ordinal then
    return;  -- it was cancelled meanwhile
  end if;
  update koyomi.failure set held = false
    where chunk_id = v_lane.stopped_chunk and ordinal = v_lane.stopped_ordinal and attempt = v_slice.prior;
  v_slice.started := v_slice.position;
  v_slice.position := v_slice.position + 1;
  perform koyomi.log_work(v_slice);
  if v_slice.uniq then
    perform koyomi.forget_unique(v_slice, v_slice.started, v_slice.position);
  end if;
  delete from koyomi.slice where id = v_slice.id and v_slice.position = stop;
  if not found then
    update koyomi.slice set started = v_slice.position, position = v_slice.position, attempt = 1, prior = 0, lost = 0, suspect = greatest(0, suspect - 1)
      where id = v_slice.id;
  end if;
end $$;

create function koyomi.pass_stopped_of(p_run bigint) returns void
  language plpgsql as $$
declare
  v_lane record;
begin
  for v_lane in
    select l.batch_id, l.lane
      from koyomi.run r join koyomi.lane l on l.batch_id = r.batch_id join koyomi.chunk c on c.id = l.stopped_chunk
      where r.id = p_run and c.run_id = p_run order by l.lane
  loop
    perform koyomi.pass_stopped(v_lane.batch_id, v_lane.lane);
  end loop;
end $$;
comment on function koyomi.pass_stopped_of is 'The dead jobs of a run that stop lanes have ended: what is cancelled now is only what waits behind them.';

create function koyomi.resume_lanes(p_batch int, p_keys text[]) returns int
  language plpgsql as $$
declare
  v_runs bigint[];
  v_lane koyomi.lane;
  v_run bigint;
  v_lanes int := 0;
begin
  -- Run before slice, also of those that end with this.
  v_runs := array(
    select r.id from koyomi.run r
      where r.id in (select d.run_id from koyomi.lane l join koyomi.dead d on d.chunk_id = l.stopped_chunk and d.ordinal = l.stopped_ordinal
                     where l.batch_id = p_batch and (p_keys is null or d.key = any (p_keys)))
      order by r.id for no key update);
  for v_lane in
    select l.* from koyomi.lane l join koyomi.dead d on d.chunk_id = l.stopped_chunk and d.ordinal = l.stopped_ordinal
      where l.batch_id = p_batch and d.run_id = any (v_runs) and (p_keys is null or d.key = any (p_keys)) order by l.lane
  loop
    perform koyomi.pass_stopped(p_batch, v_lane.lane);
    v_lanes := v_lanes + 1;
  end loop;
  foreach v_run in array v_runs loop
    perform koyomi.finish(v_run);
  end loop;
  perform koyomi.wake(p_batch);
  return v_lanes;
end $$;
comment on function koyomi.resume_lanes is 'Lets lanes that a dead job stopped go on without it; the job still needs attention. p_keys: of the jobs that stopped them; null: all.';

create function koyomi.attention(p_dead bigint) returns text
  language sql immutable
  return case when p_dead > 0 then p_dead || case p_dead when 1 then ' job needs attention' else ' jobs need attention' end end;
comment on function koyomi.attention is 'What an ended run says of its dead jobs; null: there are none.';

create function koyomi.discard_dead(p_run bigint, p_keys text[], p_error text, p_by text, p_reason text) returns int
  language plpgsql as $$
declare
  v_batch int;
  v_lanes int[];
  v_lane int;
  v_jobs int;
begin
  select batch_id into v_batch from koyomi.run where id = p_run for no key update;
  update koyomi.run set kept_at = null where id = p_run and kept_at is not null;
  with gone as (
    update koyomi.dead set discarded_at = koyomi.now(), discarded_by = p_by, discard_reason = p_reason
      where run_id = p_run and discarded_at is null
        and (p_keys is null or key = any (p_keys)) and koyomi.is_of(error_class, p_error)
      returning chunk_id, ordinal)
  select count(*), array_agg(l.lane order by l.lane) filter (where l.lane is not null) into v_jobs, v_lanes
    from gone g left join koyomi.lane l on l.batch_id = v_batch and l.stopped_chunk = g.chunk_id and l.stopped_ordinal = g.ordinal;
  foreach v_lane in array coalesce(v_lanes, '{}') loop
    perform koyomi.pass_stopped(v_batch, v_lane);
  end loop;
  perform koyomi.finish(p_run);
  update koyomi.run r
    set reason = case when d.jobs > 0 then r.reason end, message = koyomi.attention(d.jobs)
    from (select count(*) as jobs from koyomi.dead where run_id = p_run and discarded_at is null) as d
    where r.id = p_run and r.reason = 'JobsNeedAttention';
  perform koyomi.wake(v_batch);
  return v_jobs;
end $$;
comment on function koyomi.discard_dead is 'Sets jobs aside for good: they need no attention any more, and stay in the history with the reason.';

create or replace function koyomi.cancel_run(p_run bigint, p_reason text) returns boolean
  language plpgsql as $$
declare
  v_slice koyomi.slice;
begin
  -- The state first, then the slices: from here on no Unit of this run can commit.
  update koyomi.run
    set state = 'Cancelled', reason = 'Cancelled', message = p_reason, selector_token = null, selector_id = null, ended_at = koyomi.now(),
        -- What a selection wrote that was never dispatched: a later one would take these targets for done.
        abandoned = case when state = 'Selecting' then abandoned || selector_token else abandoned end
    where id = p_run and state in ('Selecting', 'Running');
  if not found then
    return false;
  end if;
  perform koyomi.pass_stopped_of(p_run);
  for v_slice in delete from koyomi.slice where run_id = p_run returning * loop
    perform koyomi.log_unworked(v_slice, 'Cancelled');
  end loop;
  perform koyomi.cancel_retries(p_run, null, null);
  return true;
end $$;

create function koyomi.cancel_retries(p_run bigint, p_keys text[], p_ids bigint[]) returns int
  language sql as $$
  with cut as (
    update koyomi.failure f set cut = true
      from koyomi.chunk c
      where f.run_id = p_run and not f.cut and c.id = f.chunk_id and (p_keys is null and p_ids is null or coalesce(c.keys[f.ordinal + 1] = any (p_keys), false) or coalesce(c.ids[f.ordinal + 1] = any (p_ids), false))
      returning f.chunk_id, f.ordinal, f.attempt, c.keys[f.ordinal + 1] as key, c.ids[f.ordinal + 1] as job_id),
  freed as (
    select koyomi.free_keys((select r.batch_id from koyomi.run r where r.id = p_run), array_agg(key), array_agg(job_id), array_agg(true))
      from cut where job_id is not null),
  logged as (
    insert into koyomi.work (run_id, chunk_id, attempt, kind, ordinals, succeeded, skipped, cancelled, ended_at)
      select p_run, chunk_id, attempt, 'Cancelled', array_agg(ordinal order by ordinal), 0, 0, count(*), koyomi.now() from cut group by chunk_id, attempt
      returning cancelled)
  select coalesce((select sum(cancelled) from logged), 0)::int from freed
$$;
comment on function koyomi.cancel_retries is 'Cancels jobs that wait for their next attempt, by key or by number; both null: all of the run.';

create function koyomi.cancel_slice_jobs(p_slice koyomi.slice, p_keys text[], p_ids bigint[]) returns int
  language plpgsql as $$
declare
  v_rest int[];
  v_gone int[];
  v_whole koyomi.slice := p_slice;
  v_ended int := case when koyomi.stops_lane(p_slice) then p_slice.position end;  -- dead already
  v_first_gone boolean;
begin
  select array_agg(o order by at) filter (where not hit), array_agg(o order by at) filter (where hit) into v_rest, v_gone
    from (select at, coalesce(p_slice.ordinals[at + 1], at) as o,
                 at is distinct from v_ended
                   and (coalesce(c.keys[coalesce(p_slice.ordinals[at + 1], at) + 1] = any (p_keys), false)
                   or coalesce(c.ids[coalesce(p_slice.ordinals[at + 1], at) + 1] = any (p_ids), false)) as hit
          from koyomi.chunk c cross join generate_series(p_slice.position, p_slice.stop - 1) as at
          where c.id = p_slice.chunk_id) as jobs;
  if v_gone is null then
    return 0;
  end if;
  perform koyomi.log_work(p_slice);
  -- The lease ends too: what its owner has in hand may be one of these jobs, and must not commit.
  v_whole.ordinals := v_gone;
  v_whole.started := 0;
  v_whole.position := 0;
  v_whole.stop := cardinality(v_gone);
  perform koyomi.log_unworked(v_whole, 'Cancelled');
  if v_rest is null then
    delete from koyomi.slice where id = p_slice.id;
  else
    v_first_gone := coalesce(p_slice.ordinals[p_slice.position + 1], p_slice.position) = any (v_gone);
    update koyomi.slice
      set ordinals = v_rest, started = 0, position = 0, stop = cardinality(v_rest), lease = null, worker_id = null, leased_at = null,
          alone = false, suspect = least(suspect, cardinality(v_rest)), lost = case when v_first_gone then 0 else lost end,
          -- In a lane these are of the job at the cursor.
          attempt = case when lane is not null and v_first_gone then 1 else attempt end,
          prior = case when lane is not null and v_first_gone then 0 else prior end
      where id = p_slice.id;
  end if;
  return cardinality(v_gone);
end $$;

create function koyomi.cancel_enqueued(p_batch int, p_keys text[], p_ids bigint[]) returns bigint
  language plpgsql as $$
declare
  v_run bigint;
  v_jobs bigint;
  v_keys text[];  -- of the jobs that were enqueued as unique
  v_ids bigint[];
  v_ended boolean[];
begin
  if not exists (select from koyomi.inbox i where i.batch_id = p_batch and (p_keys is null and p_ids is null or i.keys && p_keys or i.ids && p_ids)) then
    return 0;
  end if;
  -- The run before the inbox, as who takes jobs does: what is cancelled is in the books as if it had been taken.
  v_run := koyomi.open_day(p_batch);
  with hit as (
    select i.* from koyomi.inbox i
      where i.batch_id = p_batch and (p_keys is null and p_ids is null or i.keys && p_keys or i.ids && p_ids)
      order by i.id for update),
  jobs as (
    select hit.id, hit.uniq, k.key, k.job_id, k.job, k.n,
           p_keys is null and p_ids is null or coalesce(k.key = any (p_keys), false) or coalesce(k.job_id = any (p_ids), false) as cancelled
    from hit cross join lateral rows from (unnest(hit.keys), unnest(hit.ids), jsonb_array_elements(hit.jobs)) with ordinality as k(key, job_id, job, n)),
  rest as (
    select j.id, array_agg(j.job_id order by j.n) as ids, array_agg(j.key order by j.n) as keys, jsonb_agg(j.job order by j.n) as jobs
      from jobs j where not j.cancelled group by j.id),
  kept as (
    update koyomi.inbox i set ids = r.ids, keys = r.keys, jobs = r.jobs from rest r where i.id = r.id),
  gone as (
    delete from koyomi.inbox i using hit where i.id = hit.id and not exists (select from rest r where r.id = i.id)),
  chunk as (
    insert into koyomi.chunk (run_id, selector_token, size, keys, jobs, ids)
      select v_run, 0, count(*), array_agg(key order by job_id), jsonb_agg(job order by job_id), array_agg(job_id order by job_id)
      from (select j.key, j.job_id, j.job,
                   sum(octet_length(j.job::text)) over (order by j.job_id) / 1000000 + (row_number() over (order by j.job_id) - 1) / 500 as place
            from jobs j where j.cancelled) as j
      group by place order by place
      returning id, size),
  logged as (
    insert into koyomi.work (run_id, chunk_id, attempt, kind, first, stop, succeeded, skipped, cancelled, ended_at)
      select v_run, c.id, 1, 'Cancelled', 0, c.size, 0, 0, c.size, koyomi.now() from chunk c)
  select count(*), array_agg(j.key) filter (where j.uniq), array_agg(j.job_id) filter (where j.uniq), array_agg(true) filter (where j.uniq)
    into v_jobs, v_keys, v_ids, v_ended from jobs j where j.cancelled;
  perform koyomi.free_keys(p_batch, v_keys, v_ids, v_ended);
  return v_jobs;
end $$;
comment on function koyomi.cancel_enqueued is 'Cancels jobs that no worker has taken, by key or by number; both null: all of the batch. They belong to the run of the day.';

create function koyomi.cancel_jobs(p_batch int, p_run bigint, p_keys text[], p_ids bigint[]) returns int
  language plpgsql as $$
declare
  v_run bigint;
  v_slice koyomi.slice;
  v_jobs int := 0;
begin
  -- The inbox before the slices: what leaves it at this moment is in a slice when this statement has waited for it, and its run may be new.
  perform from koyomi.run r
    where r.batch_id = p_batch and r.state in ('Selecting', 'Running') and (p_run is null or r.id = p_run)
    order by r.id for no key update;
  if p_run is null then
    v_jobs := koyomi.cancel_enqueued(p_batch, coalesce(p_keys, '{}'), coalesce(p_ids, '{}'));
  end if;
  for v_run in
    select r.id from koyomi.run r
      where r.batch_id = p_batch and r.state in ('Selecting', 'Running') and (p_run is null or r.id = p_run)
      order by r.id for no key update
  loop
    for v_slice in
      select s.* from koyomi.slice s join koyomi.chunk c on c.id = s.chunk_id
        where s.run_id = v_run and (c.keys && p_keys or c.ids && p_ids)
        order by s.id for update of s
    loop
      v_jobs := v_jobs + koyomi.cancel_slice_jobs(v_slice, p_keys, p_ids);
    end loop;
    v_jobs := v_jobs + koyomi.cancel_retries(v_run, coalesce(p_keys, '{}'), coalesce(p_ids, '{}'));
    perform koyomi.finish(v_run);
  end loop;
  return v_jobs;
end $$;
comment on function koyomi.cancel_jobs is 'Cancels unfinished jobs by key or by number, also running ones: their Unit cannot commit any more.';

create function koyomi.clear(p_batch int, p_run bigint) returns bigint
  language plpgsql as $$
declare
  v_run bigint;
  v_slice koyomi.slice;
  v_jobs bigint := 0;
begin
  -- The inbox before the slices: see cancel_jobs.
  perform from koyomi.run r
    where r.batch_id = p_batch and r.state in ('Selecting', 'Running') and (p_run is null or r.id = p_run)
    order by r.id for no key update;
  if p_run is null then
    v_jobs := koyomi.cancel_enqueued(p_batch, null, null);
  end if;
  for v_run in
    -- Selecting: a run that selects once more has jobs from before.
    select r.id from koyomi.run r
      where r.batch_id = p_batch and r.state in ('Selecting', 'Running') and (p_run is null or r.id = p_run)
      order by r.id for no key update
  loop
    perform koyomi.pass_stopped_of(v_run);
    for v_slice in delete from koyomi.slice where run_id = v_run and lease is null returning * loop
      v_jobs := v_jobs + koyomi.log_unworked(v_slice, 'Cancelled');
    end loop;
    v_jobs := v_jobs + koyomi.cancel_retries(v_run, null, null);
    perform koyomi.finish(v_run);
  end loop;
  return v_jobs;
end $$;
comment on function koyomi.clear is 'Cancels the waiting jobs of a batch or of one run; those in the hands of a worker go on.';
