-- The queue: jobs travel in chunks of up to 500; a slice is the part of a chunk that is still to do, with a cursor.
-- Only unfinished work is in slice; progress and history are sums over work, failure, skipped and dead.
-- Lock order everywhere: run before slice. All time comes from koyomi.now().

create function koyomi.now() returns timestamptz
  language sql stable parallel safe
  return statement_timestamp();

comment on function koyomi.now() is 'The only clock that decides ownership, order and due time; tests replace it.';

create table koyomi.meta (
  only_row boolean primary key default true check (only_row),
  schema_version int not null,
  beat bigint not null default 0,
  beat_at timestamptz not null default '-infinity'
);
comment on table koyomi.meta is 'One row: the schema''s version and the beat, raised by sweep() while something is leased or selecting.';
insert into koyomi.meta (schema_version) values (1);

create table koyomi.batch (
  id int generated always as identity primary key,
  name text not null unique check (name ~ '^[^/]+/[^/]+$'),
  incarnation text not null,
  generation bigint not null,
  suspended boolean not null,
  definition jsonb not null,
  registered_at timestamptz not null
);
comment on table koyomi.batch is 'One BatchSchedule (namespace/name) as the queue knows it; written by register() alone.';

create table koyomi.entry (
  batch_id int not null references koyomi.batch on delete cascade,
  name text not null,
  cron text not null,
  time_zone text not null,
  watermark timestamptz not null,
  primary key (batch_id, name)
);
comment on column koyomi.entry.watermark is 'Slots before it are not dispatched: the entry was new, its cron or zone changed, or the batch was resumed, at that instant.';

create table koyomi.worker (
  id bigint generated always as identity primary key,
  pod text not null,
  kind text not null check (kind in ('Worker', 'Trigger')),
  batch_id int references koyomi.batch on delete cascade,
  beat_seen bigint not null,
  started_at timestamptz not null,
  stopped_at timestamptz,
  lost_at timestamptz
) with (fillfactor = 50);
comment on table koyomi.worker is 'One row per process that leases or selects. Alive: neither stopped nor lost; six beats behind is lost.';
create index worker_alive on koyomi.worker (id) where stopped_at is null and lost_at is null;

create table koyomi.run (
  id bigint generated always as identity primary key,
  batch_id int not null references koyomi.batch on delete cascade,
  occurrence timestamptz not null,
  request text not null default '',
  entry text,
  logical_date date not null,
  revision text not null,
  state text not null check (state in ('Selecting', 'Running', 'Succeeded', 'PartiallyFailed', 'Failed', 'Cancelled', 'Skipped')),
  reason text,
  message text,
  attempt int not null default 1,
  exclusive boolean not null,
  selector_token bigint,
  selector_id bigint references koyomi.worker,
  select_timeout interval not null,
  selecting_since timestamptz,
  selected bigint,
  duplicates bigint,
  created_at timestamptz not null,
  dispatched_at timestamptz,
  ended_at timestamptz,
  check ((state = 'Selecting') = (selector_token is not null)),
  check ((state in ('Selecting', 'Running')) = (ended_at is null))
);
comment on table koyomi.run is 'One firing. Identity: a slot (batch, occurrence) or a request (batch, request id).';
create unique index run_slot on koyomi.run (batch_id, occurrence) where request = '';
create unique index run_request on koyomi.run (batch_id, request) where request <> '';
-- Decides the overlap policy Skip: a query could not.
create unique index run_open_exclusive on koyomi.run (batch_id) where exclusive and state in ('Selecting', 'Running');
create index run_open on koyomi.run (id) where state in ('Selecting', 'Running');
create index run_newest on koyomi.run (batch_id, id desc);

create table koyomi.chunk (
  id bigint generated always as identity primary key,
  run_id bigint not null references koyomi.run on delete cascade,
  selector_token bigint not null,
  size int not null check (size between 1 and 500),
  keys text[] not null,
  jobs jsonb not null
);
comment on table koyomi.chunk is 'Immutable: up to 500 jobs (or 1 MiB) selected together. Finished when no slice refers to it.';
create index chunk_run on koyomi.chunk (run_id);

create table koyomi.slice (
  id bigint generated always as identity primary key,
  batch_id int not null,
  run_id bigint not null references koyomi.run on delete cascade,
  chunk_id bigint not null,
  attempt int not null default 1,
  prior int not null default 0,
  ordinals int[],
  started int not null default 0,
  position int not null default 0,
  stop int not null,
  due_at timestamptz not null,
  lease bigint,
  worker_id bigint,
  leased_at timestamptz,
  check (0 <= started and started <= position and position < stop),
  check ((lease is null) = (worker_id is null)),
  check (lease is not null or started = position)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
comment on table koyomi.slice is 'The part of a chunk still to do: ordinals [position, stop), or the list ordinals[position .. stop). [started, position) is done under the present lease.';
comment on column koyomi.slice.prior is 'Attempts made before a person had the job retried: they do not count toward the limit.';
-- Neither position nor started is indexed, so the update of each commit stays on its page (HOT).
create index slice_ready on koyomi.slice (batch_id, id) include (due_at) where lease is null;
create index slice_leased on koyomi.slice (worker_id) where lease is not null;
create index slice_run on koyomi.slice (run_id);

create table koyomi.failure (
  chunk_id bigint not null,
  ordinal int not null,
  attempt int not null,
  run_id bigint not null references koyomi.run on delete cascade,
  prior int not null,
  error_class text not null,
  message text not null,
  worker_id bigint not null,
  at timestamptz not null,
  retry_at timestamptz,
  cut boolean not null,
  primary key (chunk_id, ordinal, attempt),
  check (cut or retry_at is not null)
);
comment on table koyomi.failure is 'One failed attempt, written in the transaction that advanced past it. cut: nothing waits for it (any more).';
create index failure_uncut on koyomi.failure (run_id, retry_at) where not cut;

create table koyomi.work (
  id bigint generated always as identity primary key,
  run_id bigint not null references koyomi.run on delete cascade,
  chunk_id bigint,
  attempt int,
  kind text not null check (kind in ('Done', 'Cancelled')),
  first int,
  stop int,
  succeeded int not null,
  skipped int not null,
  cancelled int not null,
  worker_id bigint,
  began_at timestamptz,
  ended_at timestamptz not null
);
comment on table koyomi.work is 'Insert-only log: one row per piece of a slice that ended, was given back, freed or deleted.';
create index work_run on koyomi.work (run_id);

create table koyomi.skipped (
  chunk_id bigint not null,
  ordinal int not null,
  run_id bigint not null references koyomi.run on delete cascade,
  reason text not null,
  primary key (chunk_id, ordinal)
);
comment on table koyomi.skipped is 'Jobs whose Unit found nothing to do.';

create table koyomi.dead (
  chunk_id bigint not null,
  ordinal int not null,
  run_id bigint not null references koyomi.run on delete cascade,
  key text not null,
  payload jsonb not null,
  kind text not null check (kind in ('Dead', 'Parked')),
  attempt int not null,
  error_class text not null,
  message text not null,
  at timestamptz not null,
  primary key (chunk_id, ordinal)
);
comment on table koyomi.dead is 'Jobs that need a person: out of attempts (Dead), or a payload that does not fit the Unit (Parked).';
create index dead_run on koyomi.dead (run_id, key);

-- Batches ------------------------------------------------------------------------------------------------------

create function koyomi.register(p_batch text, p_incarnation text, p_generation bigint, p_suspended boolean, p_definition jsonb) returns boolean
  language plpgsql as $$
declare
  v_batch koyomi.batch;
  v_same boolean;
  v_resumed boolean;
begin
  insert into koyomi.batch (name, incarnation, generation, suspended, definition, registered_at)
    values (p_batch, p_incarnation, p_generation, p_suspended, p_definition, koyomi.now())
    on conflict (name) do nothing;
  select * into v_batch from koyomi.batch where name = p_batch;
  if v_batch.incarnation = p_incarnation and v_batch.generation = p_generation and v_batch.suspended = p_suspended
     and v_batch.definition = p_definition
     and (select count(*) from koyomi.entry e where e.batch_id = v_batch.id)
       = jsonb_array_length(coalesce(p_definition #> '{spec,schedules}', '[]')) then
    return true;  -- nothing new: no lock, no write
  end if;
  select * into v_batch from koyomi.batch where name = p_batch for update;
  v_same := v_batch.incarnation = p_incarnation;
  if v_same and p_generation < v_batch.generation then
    return false;
  end if;
  v_resumed := v_batch.suspended and not p_suspended;
  update koyomi.batch
    set incarnation = p_incarnation, generation = p_generation, suspended = p_suspended, definition = p_definition, registered_at = koyomi.now()
    where id = v_batch.id;
  delete from koyomi.entry e where e.batch_id = v_batch.id and not exists (
    select from jsonb_array_elements(coalesce(p_definition #> '{spec,schedules}', '[]')) s where s ->> 'name' = e.name);
  insert into koyomi.entry as e (batch_id, name, cron, time_zone, watermark)
    select v_batch.id, s ->> 'name', s ->> 'cron', coalesce(p_definition #>> '{spec,timeZone}', 'UTC'), koyomi.now()
    from jsonb_array_elements(coalesce(p_definition #> '{spec,schedules}', '[]')) s
    on conflict (batch_id, name) do update
      set cron = excluded.cron, time_zone = excluded.time_zone, watermark = excluded.watermark
      where not v_same or v_resumed or (e.cron, e.time_zone) is distinct from (excluded.cron, excluded.time_zone);
  return true;
end $$;
comment on function koyomi.register is 'Makes a batch known; new and changed entries get watermark = now, and all of them when the batch is resumed. An older generation of the same object (incarnation = its uid) is ignored: false.';

-- Workers ------------------------------------------------------------------------------------------------------

create function koyomi.join_as(p_pod text, p_kind text, p_batch int) returns bigint
  language sql as $$
  insert into koyomi.worker (pod, kind, batch_id, beat_seen, started_at)
    select p_pod, p_kind, p_batch, m.beat, koyomi.now() from koyomi.meta m
    returning id
$$;

create function koyomi.heartbeat(p_worker bigint) returns boolean
  language sql as $$
  update koyomi.worker set beat_seen = m.beat from koyomi.meta m
    where id = p_worker and stopped_at is null and lost_at is null
    returning true
$$;
comment on function koyomi.heartbeat is 'Null: the worker was declared lost and must join again before it may lease.';

-- The log of finished pieces -----------------------------------------------------------------------------------

create function koyomi.log_work(p_slice koyomi.slice) returns void
  language plpgsql as $$
declare
  v_done int[] := case when p_slice.ordinals is not null then p_slice.ordinals[p_slice.started + 1 : p_slice.position] end;
  v_failed int;
  v_skipped int;
begin
  if p_slice.position = p_slice.started then
    return;
  end if;
  select count(*) into v_failed from koyomi.failure f
    where f.chunk_id = p_slice.chunk_id and f.attempt = p_slice.attempt
      and case when v_done is null then f.ordinal >= p_slice.started and f.ordinal < p_slice.position
               else f.ordinal = any (v_done) end;
  select count(*) into v_skipped from koyomi.skipped k
    where k.chunk_id = p_slice.chunk_id
      and case when v_done is null then k.ordinal >= p_slice.started and k.ordinal < p_slice.position
               else k.ordinal = any (v_done) end;
  insert into koyomi.work (run_id, chunk_id, attempt, kind, first, stop, succeeded, skipped, cancelled, worker_id, began_at, ended_at)
    values (p_slice.run_id, p_slice.chunk_id, p_slice.attempt, 'Done', p_slice.started, p_slice.position,
            p_slice.position - p_slice.started - v_failed - v_skipped, v_skipped, 0,
            p_slice.worker_id, p_slice.leased_at, koyomi.now());
end $$;

-- The fence ----------------------------------------------------------------------------------------------------

create function koyomi.begin_unit(p_lease bigint) returns void
  language sql as $$ select set_config('koyomi.unit', p_lease::text, true) $$;
comment on function koyomi.begin_unit is 'Marks this transaction as the Unit''s: advance() finds the mark gone when the Unit committed by itself.';

create function koyomi.advance(p_slice bigint, p_lease bigint, p_position int, p_count int) returns void
  language plpgsql as $$
declare
  v_slice koyomi.slice;
begin
  if current_setting('koyomi.unit', true) is distinct from p_lease::text then
    raise exception 'the Unit ended its transaction by itself' using errcode = 'KY002';
  end if;
  -- The last step deletes the slice, so the cursor never stands at its stop.
  update koyomi.slice set position = position + p_count
    where id = p_slice and lease = p_lease and position = p_position and position + p_count < stop;
  if found then
    return;
  end if;
  delete from koyomi.slice
    where id = p_slice and lease = p_lease and position = p_position and position + p_count = stop
    returning * into v_slice;
  if not found then
    -- An UPDATE without a row would not stop the COMMIT behind it in the same flush.
    raise exception 'slice % is no longer at position % under this lease', p_slice, p_position using errcode = 'KY001';
  end if;
  v_slice.position := v_slice.stop;
  perform koyomi.log_work(v_slice);
end $$;
comment on function koyomi.advance is 'The fence: the last statement of a Unit''s transaction. Raises KY001 unless slice, lease and position are still as leased.';

create function koyomi.skip_job(p_slice bigint, p_lease bigint, p_position int, p_reason text) returns void
  language plpgsql as $$
begin
  insert into koyomi.skipped (chunk_id, ordinal, run_id, reason)
    select s.chunk_id, coalesce(s.ordinals[p_position + 1], p_position), s.run_id, p_reason
    from koyomi.slice s where s.id = p_slice and s.lease = p_lease
    on conflict (chunk_id, ordinal) do nothing;
  perform koyomi.advance(p_slice, p_lease, p_position, 1);
end $$;
comment on function koyomi.skip_job is 'advance() of a Unit that found nothing to do.';

create function koyomi.fail_job(p_slice bigint, p_lease bigint, p_position int, p_error_class text, p_message text, p_kind text, p_retry_after interval) returns void
  language plpgsql as $$
declare
  v_slice koyomi.slice;
  v_ordinal int;
begin
  select * into v_slice from koyomi.slice where id = p_slice and lease = p_lease and position = p_position;
  if not found then
    raise exception 'slice % is no longer at position % under this lease', p_slice, p_position using errcode = 'KY001';
  end if;
  v_ordinal := coalesce(v_slice.ordinals[p_position + 1], p_position);
  insert into koyomi.failure (chunk_id, ordinal, attempt, run_id, prior, error_class, message, worker_id, at, retry_at, cut)
    values (v_slice.chunk_id, v_ordinal, v_slice.attempt, v_slice.run_id, v_slice.prior, p_error_class, p_message,
            v_slice.worker_id, koyomi.now(), koyomi.now() + p_retry_after, p_retry_after is null);
  if p_retry_after is null then
    insert into koyomi.dead (chunk_id, ordinal, run_id, key, payload, kind, attempt, error_class, message, at)
      select c.id, v_ordinal, c.run_id, c.keys[v_ordinal + 1], c.jobs -> v_ordinal, p_kind, v_slice.attempt, p_error_class, p_message, koyomi.now()
      from koyomi.chunk c where c.id = v_slice.chunk_id;
  end if;
  perform koyomi.begin_unit(p_lease);
  perform koyomi.advance(p_slice, p_lease, p_position, 1);
end $$;
comment on function koyomi.fail_job is 'Records a failed attempt and advances past it; without p_retry_after the job needs a person (p_kind Dead or Parked).';

create function koyomi.give_back(p_lease bigint) returns bigint
  language plpgsql as $$
declare
  v_slice koyomi.slice;
begin
  select * into v_slice from koyomi.slice where lease = p_lease for update;
  if found then
    perform koyomi.log_work(v_slice);
    update koyomi.slice set lease = null, worker_id = null, leased_at = null, started = position where id = v_slice.id;
  end if;
  return v_slice.run_id;
end $$;
comment on function koyomi.give_back is 'Frees what is held under a lease, at its cursor; the run that it is of, or null when nothing is held.';

-- Retries, closing ---------------------------------------------------------------------------------------------

create function koyomi.cut_retries(p_run bigint, p_until timestamptz) returns int
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
  insert into koyomi.slice (batch_id, run_id, chunk_id, attempt, prior, ordinals, stop, due_at)
    select (select r.batch_id from koyomi.run r where r.id = p_run), p_run, chunk_id, attempt + 1, prior,
           array_agg(ordinal order by ordinal), count(*), max(retry_at)
    from due group by chunk_id, attempt, prior, date_trunc('second', retry_at);
  get diagnostics v_slices = row_count;
  return v_slices;
end $$;

-- Runs and workers are locked FOR NO KEY UPDATE: an open transaction that wrote a row which refers to one holds it FOR KEY SHARE, and
-- on a machine that froze such a transaction stays open for as long as its connection.
create function koyomi.close_run(p_run bigint) returns boolean
  language plpgsql as $$
begin
  if exists (select from koyomi.slice where run_id = p_run) then
    return false;  -- cheap and unlocked; who ends the last slice comes here after its commit
  end if;
  -- Two statements: the second one's snapshot is taken after the lock, so it sees all that committed before.
  perform from koyomi.run where id = p_run and state = 'Running' for no key update;
  if not found then
    return false;
  end if;
  update koyomi.run r
    set state = case when not exists (select from koyomi.dead d where d.run_id = p_run) then 'Succeeded'
                     when exists (select from koyomi.work w where w.run_id = p_run and w.succeeded + w.skipped > 0) then 'PartiallyFailed'
                     else 'Failed' end,
        reason = case when exists (select from koyomi.dead d where d.run_id = p_run) then 'JobsNeedAttention' end,
        message = (select count(*) || case count(*) when 1 then ' job needs attention' else ' jobs need attention' end
                   from koyomi.dead d where d.run_id = p_run having count(*) > 0),
        ended_at = koyomi.now()
    where r.id = p_run and r.state = 'Running'
      and not exists (select from koyomi.slice s where s.run_id = p_run)
      and not exists (select from koyomi.failure f where f.run_id = p_run and not f.cut);
  return found;
end $$;

-- Selection ----------------------------------------------------------------------------------------------------

create function koyomi.hold_selection(p_run bigint, p_token bigint) returns void
  language plpgsql as $$
begin
  perform from koyomi.run where id = p_run and state = 'Selecting' and selector_token = p_token for share;
  if not found then
    raise exception 'the selection of run % was taken over or cancelled', p_run using errcode = 'KY003';
  end if;
end $$;
comment on function koyomi.hold_selection is 'Ends every transaction that writes chunks: raises KY003 when the selection is somebody else''s by now.';

create function koyomi.dispatch(p_run bigint, p_token bigint, p_selected bigint, p_duplicates bigint, p_fail_when_empty boolean) returns void
  language plpgsql as $$
begin
  perform from koyomi.run where id = p_run and state = 'Selecting' and selector_token = p_token for no key update;
  if not found then
    raise exception 'the selection of run % was taken over or cancelled', p_run using errcode = 'KY003';
  end if;
  insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at)
    select r.batch_id, r.id, c.id, c.size, koyomi.now()
    from koyomi.chunk c join koyomi.run r on r.id = c.run_id
    where c.run_id = p_run and c.selector_token = p_token
    order by c.id;
  update koyomi.run
    set state = case when p_selected > 0 then 'Running' when p_fail_when_empty then 'Failed' else 'Succeeded' end,
        reason = case when p_selected = 0 then 'NoTargets' end,
        message = case when p_selected = 0 then 'the trigger selected no target' end,
        selector_token = null, selector_id = null,
        selected = p_selected, duplicates = p_duplicates,
        dispatched_at = koyomi.now(),
        ended_at = case when p_selected = 0 then koyomi.now() end
    where id = p_run;
end $$;
comment on function koyomi.dispatch is 'The one short transaction that makes a selection''s jobs visible: all or none.';

create function koyomi.fail_selection(p_run bigint, p_token bigint, p_reason text, p_message text) returns boolean
  language plpgsql as $$
begin
  update koyomi.run
    set state = 'Failed', reason = p_reason, message = p_message, selector_token = null, selector_id = null, ended_at = koyomi.now()
    where id = p_run and state = 'Selecting' and selector_token = p_token;
  if not found then
    return false;
  end if;
  delete from koyomi.chunk where run_id = p_run;
  return true;
end $$;

-- What people ask for ------------------------------------------------------------------------------------------

create function koyomi.redrive(p_run bigint, p_keys text[] default null) returns int
  language plpgsql as $$
declare
  v_run koyomi.run;
  v_jobs int;
begin
  select * into v_run from koyomi.run where id = p_run for no key update;
  if v_run.state = 'Cancelled' then
    raise exception 'run % was cancelled: its jobs cannot be retried', p_run using errcode = 'KY004';
  end if;
  if not exists (select from koyomi.dead where run_id = p_run and (p_keys is null or key = any (p_keys))) then
    return 0;
  end if;
  begin
    update koyomi.run set state = 'Running', reason = null, message = null, ended_at = null
      where id = p_run and state in ('PartiallyFailed', 'Failed');
  exception when unique_violation then
    raise exception 'another run of this batch is open: retry the jobs of run % when it is over', p_run using errcode = 'KY004';
  end;
  with taken as (
    delete from koyomi.dead where run_id = p_run and (p_keys is null or key = any (p_keys))
      returning chunk_id, ordinal, attempt),
  made as (
    insert into koyomi.slice (batch_id, run_id, chunk_id, attempt, prior, ordinals, stop, due_at)
      select v_run.batch_id, p_run, chunk_id, attempt + 1, attempt, array_agg(ordinal order by ordinal), count(*), koyomi.now()
      from taken group by chunk_id, attempt
      returning stop)
  select sum(stop) into v_jobs from made;
  return v_jobs;
end $$;
comment on function koyomi.redrive is 'Gives jobs that need attention a new set of attempts; returns how many.';

create function koyomi.cancel_run(p_run bigint, p_reason text) returns boolean
  language plpgsql as $$
declare
  v_slice koyomi.slice;
  v_waiting int;
begin
  -- The state first, then the slices: from here on no Unit of this run can commit.
  update koyomi.run
    set state = 'Cancelled', reason = 'Cancelled', message = p_reason, selector_token = null, selector_id = null, ended_at = koyomi.now()
    where id = p_run and state in ('Selecting', 'Running');
  if not found then
    return false;
  end if;
  for v_slice in delete from koyomi.slice where run_id = p_run returning * loop
    perform koyomi.log_work(v_slice);
    insert into koyomi.work (run_id, chunk_id, attempt, kind, first, stop, succeeded, skipped, cancelled, worker_id, ended_at)
      values (p_run, v_slice.chunk_id, v_slice.attempt, 'Cancelled', v_slice.position, v_slice.stop, 0, 0,
              v_slice.stop - v_slice.position, v_slice.worker_id, koyomi.now());
  end loop;
  update koyomi.failure set cut = true where run_id = p_run and not cut;
  get diagnostics v_waiting = row_count;
  if v_waiting > 0 then
    insert into koyomi.work (run_id, kind, succeeded, skipped, cancelled, ended_at) values (p_run, 'Cancelled', 0, 0, v_waiting, koyomi.now());
  end if;
  return true;
end $$;
comment on function koyomi.cancel_run is 'Ends an open run: nothing of it commits any more. True when it was open.';

-- Upkeep -------------------------------------------------------------------------------------------------------

create function koyomi.sweep() returns void
  language plpgsql as $$
declare
  v_slice koyomi.slice;
  v_run bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('koyomi.sweep'), 0) then
    return;
  end if;
  update koyomi.meta set beat = beat + 1, beat_at = koyomi.now()
    where beat_at <= koyomi.now() - interval '5 seconds'
      and (exists (select from koyomi.slice where lease is not null) or exists (select from koyomi.run where state = 'Selecting'));
  -- Nothing below waits for a row of the queue, so that this function can be part of no deadlock: what is locked now is done next time.
  update koyomi.worker set lost_at = koyomi.now()
    where id in (select w.id from koyomi.worker w, koyomi.meta m
                 where w.stopped_at is null and w.lost_at is null and m.beat - w.beat_seen >= 6
                 for no key update of w skip locked);
  for v_slice in
    select s.* from koyomi.slice s
      join koyomi.run r on r.id = s.run_id
      where s.lease is not null
        and not exists (select from koyomi.worker w where w.id = s.worker_id and w.stopped_at is null and w.lost_at is null)
      for update of s skip locked
      for key share of r skip locked  -- which log_work would wait for
  loop
    perform koyomi.log_work(v_slice);
    update koyomi.slice set lease = null, worker_id = null, leased_at = null, started = position where id = v_slice.id;
  end loop;
  for v_run in
    select r.id from koyomi.run r
      where r.state = 'Running'
        and (exists (select from koyomi.failure f where f.run_id = r.id and not f.cut and f.retry_at <= koyomi.now())
             or not exists (select from koyomi.slice s where s.run_id = r.id))
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
comment on function koyomi.sweep is 'Upkeep: beat, lost workers, their slices, due retries, closing, abandoned selections. Workers, triggers and the operator all call it.';

-- Views --------------------------------------------------------------------------------------------------------

create view koyomi.runs as
  select r.id, b.name as batch, r.occurrence, r.request, r.entry, r.logical_date, r.revision, r.state, r.reason, r.message, r.attempt,
         r.exclusive, r.selected, r.duplicates,
         logged.succeeded + live.succeeded as succeeded,
         logged.skipped + live.skipped as skipped,
         (select count(*) from koyomi.dead d where d.run_id = r.id) as dead,
         logged.cancelled,
         (select count(*) from koyomi.failure f where f.run_id = r.id and not f.cut)
           + (select coalesce(sum(s.stop - s.position), 0) from koyomi.slice s where s.run_id = r.id and s.attempt > 1) as retrying,
         r.created_at, r.dispatched_at, r.ended_at
  from koyomi.run r
  join koyomi.batch b on b.id = r.batch_id
  cross join lateral (
    select coalesce(sum(w.succeeded), 0) as succeeded, coalesce(sum(w.skipped), 0) as skipped, coalesce(sum(w.cancelled), 0) as cancelled
    from koyomi.work w where w.run_id = r.id) logged
  cross join lateral (
    select coalesce(sum(s.position - s.started - p.failed - p.skipped), 0) as succeeded, coalesce(sum(p.skipped), 0) as skipped
    from koyomi.slice s
    cross join lateral (
      select (select count(*) from koyomi.failure f where f.chunk_id = s.chunk_id and f.attempt = s.attempt
                and case when s.ordinals is null then f.ordinal >= s.started and f.ordinal < s.position
                         else f.ordinal = any (s.ordinals[s.started + 1 : s.position]) end) as failed,
             (select count(*) from koyomi.skipped k where k.chunk_id = s.chunk_id
                and case when s.ordinals is null then k.ordinal >= s.started and k.ordinal < s.position
                         else k.ordinal = any (s.ordinals[s.started + 1 : s.position]) end) as skipped) p
    where s.run_id = r.id and s.position > s.started) live;
comment on view koyomi.runs is 'Every run with its exact counts, also while it runs.';

create view koyomi.backlog as
  select b.name as batch,
         coalesce(s.waiting, 0) + coalesce(f.jobs, 0) as waiting,
         coalesce(s.running, 0) as running,
         coalesce(s.retrying, 0) + coalesce(f.jobs, 0) as retrying,
         coalesce(d.jobs, 0) as dead
  from koyomi.batch b
  left join (
    select batch_id,
           sum(stop - position) filter (where lease is null) as waiting,
           sum(stop - position) filter (where lease is not null) as running,
           sum(stop - position) filter (where lease is null and attempt > 1) as retrying
    from koyomi.slice group by batch_id) s on s.batch_id = b.id
  left join (
    select r.batch_id, count(*) as jobs from koyomi.failure f join koyomi.run r on r.id = f.run_id where not f.cut group by r.batch_id) f
    on f.batch_id = b.id
  left join (
    select r.batch_id, count(*) as jobs from koyomi.dead d join koyomi.run r on r.id = d.run_id group by r.batch_id) d
    on d.batch_id = b.id;
comment on view koyomi.backlog is 'Jobs of each batch that wait, run, retry or need attention.';
