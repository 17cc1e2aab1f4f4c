-- Upkeep: beat, lost workers, what they held, due retries, closing, abandoned selections; pruning, which is apart from these.

create or replace function koyomi.cut_retries(p_run bigint, p_until timestamptz) returns int
  language plpgsql as $$
declare
  v_slices int;
begin
  perform from koyomi.run where id = p_run and state = 'Running' for share;
  if not found then
    return 0;
  end if;
  -- UPDATE … RETURNING, never SELECT and then INSERT: two who cut at once would make two slices of one failure.
  with due as (
    update koyomi.failure set cut = true
      where run_id = p_run and not cut and retry_at <= p_until
      returning chunk_id, ordinal, attempt, prior, retry_at)
  insert into koyomi.slice (batch_id, run_id, chunk_id, attempt, prior, ordinals, stop, due_at, priority, uniq)
    select b.id, p_run, d.chunk_id, d.attempt + 1, d.prior, array_agg(d.ordinal order by d.ordinal), count(*), max(d.retry_at), b.priority,
           c.ids is not null
    from due d
      join koyomi.chunk c on c.id = d.chunk_id
      join koyomi.run r on r.id = p_run
      join koyomi.batch b on b.id = r.batch_id
    group by b.id, d.chunk_id, c.ids is not null, d.attempt, d.prior, date_trunc('second', d.retry_at);
  get diagnostics v_slices = row_count;
  return v_slices;
end $$;

create or replace function koyomi.close_run(p_run bigint) returns boolean
  language plpgsql as $$
declare
  v_dead bigint;
begin
  if koyomi.has_slices(p_run) then
    return false;  -- cheap and unlocked; who ends the last slice comes here after its commit
  end if;
  -- Two statements: the second one's snapshot is taken after the lock, so it sees all that committed before.
  perform from koyomi.run where id = p_run and state = 'Running' and (open_until is null or open_until <= koyomi.now()) for no key update;
  if not found then
    return false;
  end if;
  select count(*) into v_dead from koyomi.dead d where d.run_id = p_run and d.discarded_at is null;
  update koyomi.run r
    set state = case when v_dead = 0 then 'Succeeded'
                     when exists (select from koyomi.work w where w.run_id = p_run and w.succeeded + w.skipped > 0) then 'PartiallyFailed'
                     else 'Failed' end,
        reason = case when v_dead > 0 then 'JobsNeedAttention' end,
        message = koyomi.attention(v_dead),
        -- Of a day's run, which is closed once more when its dead jobs were retried, it is known since the first time.
        selected = coalesce(r.selected, coalesce((select sum(c.size) from koyomi.chunk c where c.run_id = p_run), 0)
                     + coalesce((select sum(w.cancelled) from koyomi.work w where r.open_until is not null and w.run_id = p_run and w.chunk_id is null), 0)),
        ended_at = koyomi.now()
    where r.id = p_run and r.state = 'Running'
      and not exists (select from koyomi.slice s where s.run_id = p_run)
      and not exists (select from koyomi.failure f where f.run_id = p_run and not f.cut);
  return found;
end $$;

create function koyomi.drained(p_batch int) returns boolean
  language sql stable
  return not exists (select from koyomi.run r
                     where r.batch_id = p_batch
                       and (r.state = 'Selecting'
                            or r.state = 'Running'
                               and (exists (select from koyomi.failure f where f.run_id = r.id and not f.cut)
                                    or r.open_until is null and not koyomi.has_slices(r.id))))  -- about to be closed
    and not exists (select from koyomi.slice s
                    where s.batch_id = p_batch
                      and not exists (select from koyomi.lane l where l.batch_id = p_batch and l.lane = s.lane and l.stopped_at is not null))
    and not exists (select from koyomi.inbox i where i.batch_id = p_batch and i.due_at <= koyomi.now());
comment on function koyomi.drained is 'Whether workers have nothing left to do or to wait for: no selection, no job that is due or will be tried again. What waits behind a stopped lane needs a person; what was enqueued for a later time is not waited for.';

create function koyomi.free(p_slice koyomi.slice, p_crashed boolean) returns void
  language plpgsql as $$
declare
  v_batch koyomi.batch;
  v_slice koyomi.slice := p_slice;
begin
  select * into v_batch from koyomi.batch where id = p_slice.batch_id;
  -- Whoever survived is no suspect any more, and others may be worked beside it.
  if p_crashed and p_slice.alone and p_slice.suspect > 0 then
    v_slice.lost := p_slice.lost + 1;
  elsif p_crashed then
    v_slice.suspect := greatest(p_slice.suspect, least(v_batch.commit_jobs, p_slice.stop - p_slice.position));
  end if;
  if v_slice.lost >= v_batch.on_lost then
    perform koyomi.record_failure(p_slice, 'WorkerLost',
        'the worker that ran this job, and nothing else, ended without a word ' || v_slice.lost || ' times: out of memory, perhaps', 'Dead', null);
    if not exists (select from koyomi.slice s where s.id = p_slice.id and s.lease is null) then
      -- Past it, as its worker would have done.
      perform koyomi.advance(p_slice.id, p_slice.lease, p_slice.position, 1, null);
      select * into v_slice from koyomi.slice s where s.id = p_slice.id for update;
      if found then
        perform koyomi.free(v_slice, false);
      end if;
    end if;
    return;
  end if;
  perform koyomi.log_work(p_slice);
  update koyomi.slice
    set lease = null, worker_id = null, leased_at = null, alone = false, started = position, suspect = v_slice.suspect, lost = v_slice.lost,
        suspect_at = case when p_crashed then koyomi.now() else suspect_at end
    where id = p_slice.id;
end $$;
comment on function koyomi.free is 'Frees a slice whose worker is gone. Jobs that may be the reason are worked alone from now on; one that was alone too often is dead.';

-- Pruning: a portion at a time, of so many rows and bytes, and in a transaction of its own. What took longer than its caller may would be rolled
-- back, and begun again the next time.

create function koyomi.prune_chunks(p_run bigint, p_tokens bigint[], p_rows int, p_bytes bigint, out rows int, out bytes bigint)
  language sql as $$
  with seen as (
    select c.ctid as place, coalesce(pg_column_size(c.jobs), 0) + coalesce(pg_column_size(c.vals), 0) + pg_column_size(c.keys)::bigint as size
      from koyomi.chunk c where c.run_id = p_run and (p_tokens is null or c.selector_token = any (p_tokens)) limit p_rows),
  summed as (
    select place, size, sum(size) over (rows unbounded preceding) - size as before from seen),
  gone as (
    delete from koyomi.chunk where ctid = any (array(select place from summed where before < p_bytes)))
  select count(*)::int, coalesce(sum(size), 0)::bigint from summed where before < p_bytes
$$;
comment on function koyomi.prune_chunks is 'Deletes chunks of a run, of these selections or of all (null): at most so many, and no more once so many bytes are deleted.';

create function koyomi.prune_selections(p_rows int, p_bytes bigint) returns int
  language plpgsql as $$
declare
  v_run koyomi.run;
  v_gone record;
begin
  select * into v_run from koyomi.run r where r.abandoned is not null order by r.id limit 1 for no key update skip locked;
  if not found then
    return 0;
  end if;
  select * into v_gone from koyomi.prune_chunks(v_run.id, v_run.abandoned, p_rows, p_bytes);
  if v_gone.rows = 0 then
    update koyomi.run set abandoned = null where id = v_run.id;
  end if;
  return v_gone.rows;
end $$;
comment on function koyomi.prune_selections is 'Deletes what selections wrote that were given up.';

create function koyomi.prune_runs(p_rows int, p_bytes bigint) returns int
  language plpgsql as $$
declare
  v_run bigint;
  v_left int := p_rows;
  v_bytes bigint := p_bytes;
  v_rows int;
  v_gone record;
begin
  for v_run in
    select begun.id
      from (select r.id from koyomi.run r where r.pruned_at is not null order by r.id limit 20 for no key update skip locked) as begun
    union all
    select old.id
      from (select r.id from koyomi.batch b
              cross join lateral (
                select r.id from koyomi.run r
                  where r.batch_id = b.id and r.ended_at <= koyomi.now() - make_interval(days => b.keep_days) and (r.kept_at is null or r.kept_at < r.ended_at)
                    and r.pruned_at is null
                  order by r.ended_at limit 20
                  for no key update of r skip locked) r
              limit 20) as old
  loop
    if exists (select from koyomi.dead d where d.run_id = v_run and d.discarded_at is null) then
      -- Marked, so that it is out of the index and never stands before those that can go.
      update koyomi.run set kept_at = koyomi.now() where id = v_run;
      v_left := v_left - 1;
      exit when v_left <= 0;
      continue;
    end if;
    -- Half of a run says something else than the whole.
    update koyomi.run set pruned_at = koyomi.now() where id = v_run and pruned_at is null;
    -- The run's own row goes last, when nothing refers to it any more.
    delete from koyomi.skipped where ctid = any (array(select ctid from koyomi.skipped where run_id = v_run limit v_left));
    get diagnostics v_rows = row_count; v_left := v_left - v_rows;
    delete from koyomi.failure where ctid = any (array(select ctid from koyomi.failure where run_id = v_run limit v_left));
    get diagnostics v_rows = row_count; v_left := v_left - v_rows;
    delete from koyomi.work where ctid = any (array(select ctid from koyomi.work where run_id = v_run limit v_left));
    get diagnostics v_rows = row_count; v_left := v_left - v_rows;
    with seen as (
      select d.ctid as place, pg_column_size(d.payload)::bigint as size from koyomi.dead d where d.run_id = v_run limit v_left),
    summed as (
      select place, size, sum(size) over (rows unbounded preceding) - size as before from seen),
    gone as (
      delete from koyomi.dead where ctid = any (array(select place from summed where before < v_bytes)))
    select count(*)::int as rows, coalesce(sum(size), 0)::bigint as bytes into v_gone from summed where before < v_bytes;
    v_left := v_left - v_gone.rows;
    v_bytes := v_bytes - v_gone.bytes;
    select * into v_gone from koyomi.prune_chunks(v_run, null, v_left, v_bytes);
    v_left := v_left - v_gone.rows;
    v_bytes := v_bytes - v_gone.bytes;
    exit when v_left <= 0 or v_bytes <= 0;
    delete from koyomi.run where id = v_run;
    v_left := v_left - 1;
    exit when v_left <= 0;
  end loop;
  return p_rows - v_left;
end $$;
comment on function koyomi.prune_runs is 'Deletes at most so many rows, and no more once so many bytes of payloads are deleted, of runs that ended longer ago than their batch''s spec.history.days: first those that were begun, then the oldest. A run with jobs that need attention stays until they are retried or discarded.';

create function koyomi.prune_workers(p_rows int) returns int
  language sql as $$
  with gone as (
    delete from koyomi.worker w where w.id = any (array(
      select o.id from koyomi.batch b
        -- A failed attempt names its worker.
        cross join lateral (values ('Worker', b.keep_days), ('Trigger', 1)) as k(kind, days)
        cross join lateral (
          select w.id from koyomi.worker w
            where w.batch_id = b.id and w.kind = k.kind and (w.stopped_at is not null or w.lost_at is not null) and w.swept
              and coalesce(w.stopped_at, w.lost_at) <= koyomi.now() - make_interval(days => k.days)
              and not exists (select from koyomi.run r where r.selector_id = w.id)
            order by coalesce(w.stopped_at, w.lost_at) limit p_rows) as o
        limit p_rows))
      returning 1)
  select count(*)::int from gone
$$;
comment on function koyomi.prune_workers is 'Deletes rows of processes that ended long ago and are named by nothing that is kept.';

create index skipped_run on koyomi.skipped (run_id);
create index failure_run on koyomi.failure (run_id);
-- What prune_runs() may find: oldest first, without the runs that it found worth keeping.
create index run_old on koyomi.run (batch_id, ended_at) where ended_at is not null and (kept_at is null or kept_at < ended_at) and pruned_at is null;
create index run_pruned on koyomi.run (id) where pruned_at is not null;
create index run_abandoned on koyomi.run (id) where abandoned is not null;
create index run_selector on koyomi.run (selector_id) where selector_id is not null;
create index worker_old on koyomi.worker (batch_id, kind, (coalesce(stopped_at, lost_at))) where stopped_at is not null or lost_at is not null;

create or replace function koyomi.sweep() returns void
  language plpgsql as $$
declare
  v_worker koyomi.worker;
  v_slice koyomi.slice;
  v_run bigint;
  v_lease bigint;
  v_batch int;
begin
  if not pg_try_advisory_xact_lock(hashtext('koyomi.sweep'), 0) then
    return;
  end if;
  -- While anybody lives, whether or not it holds something: one that died idle is to be known as lost too.
  update koyomi.meta set beat = beat + 1, beat_at = koyomi.now()
    where beat_at <= koyomi.now() - beat_every
      and exists (select from koyomi.worker w where w.stopped_at is null and w.lost_at is null);
  -- Below, nothing waits for the row of a worker, a slice or a run, so that one sweep holds up no other: what is locked now is done next time. Only where a
  -- job of a lane is set aside as WorkerLost does it wait, for the row of the lane and of the job's unique key.
  update koyomi.worker set lost_at = koyomi.now()
    where id in (select w.id from koyomi.worker w, koyomi.meta m
                 where w.stopped_at is null and w.lost_at is null and m.beat - w.beat_seen >= 6
                 for no key update of w skip locked);
  for v_worker in select w.* from koyomi.worker w where (w.stopped_at is not null or w.lost_at is not null) and not w.swept loop
    for v_slice in
      select s.* from koyomi.slice s
        join koyomi.run r on r.id = s.run_id
        where s.batch_id = v_worker.batch_id and s.worker_id = v_worker.id
        for update of s skip locked
        for share of r skip locked  -- as in fail(); and log_work would wait for it
    loop
      perform koyomi.free(v_slice, v_worker.lost_at is not null and v_worker.draining_at is null);
    end loop;
    for v_lease in
      select l.lease from koyomi.lane l
        where l.batch_id = v_worker.batch_id and l.worker_id = v_worker.id
          and not exists (select from koyomi.slice s where s.batch_id = l.batch_id and s.worker_id = l.worker_id and s.lease = l.lease)
        for update skip locked
    loop
      perform koyomi.leave_lane(v_lease);
    end loop;
  end loop;
  update koyomi.worker set swept = true
    where id in (select w.id from koyomi.worker w
                 where (w.stopped_at is not null or w.lost_at is not null) and not w.swept
                   and not exists (select from koyomi.slice s where s.batch_id = w.batch_id and s.worker_id = w.id)
                   and not exists (select from koyomi.lane l where l.batch_id = w.batch_id and l.worker_id = w.id)
                 for no key update of w skip locked);
  -- The job that its lane waited with, until a retry, was cancelled.
  for v_batch in
    with free as (
      select l.batch_id, l.lane from koyomi.lane l
        where l.lease is null and l.stopped_at is null and l.due_at > koyomi.now()
          and not exists (select from koyomi.head_of_lane(l.batch_id, l.lane) as head where head.attempt > 1)
        for update skip locked),
    freed as (
      update koyomi.lane l set due_at = koyomi.now() from free where l.batch_id = free.batch_id and l.lane = free.lane returning l.batch_id)
    select distinct batch_id from freed
  loop
    perform koyomi.wake(v_batch);
  end loop;
  for v_run in
    select r.id from koyomi.run r
      where r.state = 'Running'
        and (exists (select from koyomi.failure f where f.run_id = r.id and not f.cut and f.retry_at <= koyomi.now())
             or (r.open_until is null or r.open_until <= koyomi.now()) and not koyomi.has_slices(r.id))
      for no key update of r skip locked
  loop
    perform koyomi.cut_retries(v_run, koyomi.now());
    perform koyomi.close_run(v_run);
  end loop;
  for v_run in
    select r.id from koyomi.run r
      where r.state = 'Selecting' and r.selecting_since <= koyomi.now() - 2 * r.select_timeout
        and not exists (select from koyomi.worker w where w.id = r.selector_id and w.stopped_at is null and w.lost_at is null)
      for no key update of r skip locked
  loop
    perform koyomi.fail_selection(r.id, r.selector_token, 'SelectionAbandoned',
        coalesce('the selection was given up; its last problem: ' || r.message, 'the trigger that selected went away and none came after it'))
      from koyomi.run r where r.id = v_run;
  end loop;
end $$;
comment on function koyomi.sweep is 'Upkeep: beat, lost workers, their slices, lanes that wait for a cancelled job, due retries, closing, abandoned selections. Workers, triggers and the operator all call it, and then prune().';

create function koyomi.prune() returns void
  language plpgsql as $$
begin
  if not pg_try_advisory_xact_lock(hashtext('koyomi.prune'), 0) then
    return;
  end if;
  delete from koyomi.unique_job u
    where (u.batch_id, u.key) in (select o.batch_id, o.key from koyomi.unique_job o where o.until <= koyomi.now() limit 20000 for update skip locked);
  perform koyomi.prune_selections(5000, 67108864);
  perform koyomi.prune_runs(5000, 67108864);
  perform koyomi.prune_workers(100);
end $$;
comment on function koyomi.prune is 'Deletes a portion of what is not needed any more. Never in one transaction with sweep(), which must come to its end: beats and lost workers depend on it.';
