-- Who works what: leases of slices and lanes, single jobs taken from the inbox, limits, splitting, giving back.

create type koyomi.leased as (
  slice_id bigint,
  run_id bigint,
  attempt int,
  prior int,
  at int,
  stop int,
  in_lane boolean,
  suspect int,
  keys text[],
  vals text[],
  misfits int[],
  due_at timestamptz,
  priority smallint,
  permitted int,
  permitted_until timestamptz,
  wait interval
);
comment on type koyomi.leased is 'What a lease gave. slice_id null: nothing; wait says for how long where that is known. misfits: positions of jobs whose payload lacks what the Unit needs. permitted: jobs that may begin before permitted_until; null: all.';

create function koyomi.leased_of(p_slice koyomi.slice, p_needed text[], p_values boolean) returns koyomi.leased
  language plpgsql stable as $$
declare
  v_leased koyomi.leased;
  v_lacking int[] := koyomi.lacking(p_slice.chunk_id, p_needed);
begin
  v_leased.slice_id := p_slice.id;
  v_leased.run_id := p_slice.run_id;
  v_leased.attempt := p_slice.attempt;
  v_leased.prior := p_slice.prior;
  v_leased.at := p_slice.position;
  v_leased.stop := p_slice.stop;
  v_leased.in_lane := p_slice.lane is not null;
  v_leased.suspect := p_slice.suspect;
  v_leased.due_at := p_slice.due_at;
  v_leased.priority := p_slice.priority;
  v_leased.misfits := case when v_lacking = '{}' then '{}'
                           when p_slice.ordinals is null then v_lacking
                           else array(select (n - 1)::int from unnest(p_slice.ordinals) with ordinality as t(o, n) where o = any (v_lacking) order by n) end;
  if p_values then
    select case when p_slice.ordinals is null then c.keys else array(select c.keys[o + 1] from unnest(p_slice.ordinals) with ordinality as t(o, n) order by n) end
      into v_leased.keys from koyomi.chunk c where c.id = p_slice.chunk_id;
    v_leased.vals := (select array_agg(case when p_slice.ordinals is null then v.all_values
                                            else array(select v.all_values[o + 1] from unnest(p_slice.ordinals) with ordinality as t(o, n) order by n) end order by number)
                      from unnest(p_needed) with ordinality as needed(name, number)
                      cross join lateral (select koyomi.values_of(p_slice.chunk_id, name) as all_values) v);
  end if;
  return v_leased;
end $$;

-- Limits -------------------------------------------------------------------------------------------------------

create function koyomi.permit(p_batch int, p_wanted int, out permitted int, out permitted_until timestamptz, out wait interval)
  language plpgsql as $$
declare
  v_batch koyomi.batch;
  v_rate koyomi.rate;
  v_width bigint;  -- of a bucket, in microseconds
  v_bucket bigint;
  v_spent int[];
begin
  select * into v_batch from koyomi.batch where id = p_batch;
  insert into koyomi.rate (batch_id, bucket, spent) values (p_batch, 0, array_fill(0, array[11])) on conflict do nothing;
  select * into v_rate from koyomi.rate where batch_id = p_batch for update;
  -- Asked after the lock: who waited for it must not look at an earlier time.
  v_width := extract(epoch from v_batch.rate_per) * 100000;
  v_bucket := greatest((extract(epoch from koyomi.clock()) * 1000000)::bigint / v_width, v_rate.bucket);
  -- Any period of the rate lies within eleven buckets. A permit ends with its bucket, so that no eleven hold more than the rate.
  v_spent := array(select coalesce(v_rate.spent[11 - back + least(v_bucket - v_rate.bucket, 11)::int], 0)
                   from generate_series(10, 0, -1) as back);
  permitted := least(p_wanted, v_batch.rate_jobs - (select sum(s) from unnest(v_spent) as s));
  permitted_until := timestamptz 'epoch' + (v_bucket + 1) * v_width * interval '1 microsecond';
  if permitted > 0 then
    v_spent[11] := v_spent[11] + permitted;
    update koyomi.rate set bucket = v_bucket, spent = v_spent where batch_id = p_batch;
  else
    permitted := 0;
    wait := permitted_until - koyomi.clock();
  end if;
end $$;
comment on function koyomi.permit is 'Allows some of the wanted jobs to begin until permitted_until, or none and says how long to wait. Any period of the rate sees at most the rate, by the database''s clock.';

create function koyomi.refund(p_batch int, p_jobs int) returns void
  language sql as $$
  update koyomi.rate set spent[11] = spent[11] - p_jobs where batch_id = p_batch
$$;
comment on function koyomi.refund is 'Gives permits back in the transaction that got them, which holds the row.';

create function koyomi.at_limit(p_batch int, p_max int) returns boolean
  language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtext('koyomi.limit'), p_batch);
  return p_max <= (select count(*) from koyomi.slice s where s.batch_id = p_batch and s.worker_id is not null);
end $$;
comment on function koyomi.at_limit is 'Whether as many jobs of the batch run as may. Who asks is alone with the answer until its transaction ends.';

-- Single jobs --------------------------------------------------------------------------------------------------

create function koyomi.open_day(p_batch int) returns bigint
  language plpgsql as $$
declare
  v_zone text := (select b.time_zone from koyomi.batch b where b.id = p_batch);
  v_today date := (koyomi.now() at time zone v_zone)::date;
  v_run bigint;
begin
  loop
    select r.id into v_run from koyomi.run r
      where r.batch_id = p_batch and r.state = 'Running' and r.open_until > koyomi.now()
      order by r.id desc limit 1 for share;
    if found then
      return v_run;
    end if;
    insert into koyomi.run (batch_id, occurrence, request, logical_date, revision, state, exclusive, select_timeout, created_at, dispatched_at, open_until)
      select p_batch, koyomi.now(), 'enqueued/' || v_today || coalesce('/' || max(coalesce(nullif(split_part(r.request, '/', 3), '')::int, 1)) + 1, ''),
             v_today, '', 'Running', false, interval '0', koyomi.now(), koyomi.now(), (v_today + 1)::timestamp at time zone v_zone
      from koyomi.run r where r.batch_id = p_batch and r.request like 'enqueued/' || v_today || '%'
        and not (r.state = 'Running' and r.open_until > koyomi.now())  -- another session made it meanwhile: the next look finds it
      on conflict do nothing;
  end loop;
end $$;
comment on function koyomi.open_day is 'The run of the jobs that are enqueued today; another one after that was cancelled. Made by who takes such jobs, in a short transaction, and never by an enqueuer, whose transaction may be long.';

create function koyomi.slice_size(p_batch int) returns int
  language sql stable as $$
  -- BETWEEN, and ORDER BY with the run: there is no way to these rows but the index, whatever the planner thinks of the table.
  with last as materialized (
    select r.id
      from (select r.id from koyomi.run r where r.batch_id = p_batch and (r.selected > 0 or r.open_until is not null)
            order by r.id desc limit 20) as r
      cross join lateral (select from koyomi.work w where w.run_id between r.id and r.id and w.kind = 'Done' order by w.run_id, w.id limit 1) as worked
      order by r.id desc limit 1)
  select case when seconds > 0 then least(500, greatest(1, floor(5 * jobs / seconds)))::int else 500 end
  from (select coalesce(sum(extract(epoch from w.ended_at - w.began_at)), 0) as seconds, coalesce(sum(w.stop - w.first), 0) as jobs
        from last cross join lateral (
          select w.* from koyomi.work w where w.run_id between last.id and last.id and w.kind = 'Done'
            order by w.run_id desc, w.id desc limit 100) as w) as seen
$$;
comment on function koyomi.slice_size is 'Jobs for about five seconds of one slot, by what was seen last in the newest runs of this batch; at most 500.';

create function koyomi.take_single(p_batch int, p_worker bigint, p_lease bigint, p_priority smallint, p_from timestamptz) returns koyomi.slice
  language plpgsql as $$
declare
  v_run bigint := koyomi.open_day(p_batch);
  v_expired int;
  v_slice_id bigint;
  v_most int := koyomi.slice_size(p_batch);
  -- What is worked several at a time in one transaction, in one order everywhere: two that have the same keys would lock each other out.
  v_by_key boolean := (select b.commit_jobs > 1 from koyomi.batch b where b.id = p_batch);
  v_slice koyomi.slice;
  v_keys text[];  -- of the jobs that were enqueued as unique
  v_ids bigint[];
  v_ended boolean[];
begin
  with near as materialized (
    select i.id, i.due_at, cardinality(i.keys) as size, i.bytes from koyomi.inbox i
      where i.batch_id = p_batch and i.priority = p_priority and i.due_at <= koyomi.now() and i.due_at >= p_from
      order by i.due_at, i.id limit v_most
      for update skip locked),
  summed as (
    select id, sum(size) over sofar as jobs, sum(bytes) over sofar as bytes, row_number() over sofar as n
      from near window sofar as (order by due_at, id rows unbounded preceding)),
  taken as (
    delete from koyomi.inbox i using summed s
      where i.id = s.id and (s.n = 1 or s.jobs <= v_most and s.bytes <= 1048576)
      returning i.*),
  lapsed as (
    select cardinality(t.keys) as jobs from taken t where t.expires_at <= koyomi.now()),
  uniq as (
    select array_agg(j.key) as keys, array_agg(j.id) as ids, array_agg(coalesce(t.expires_at <= koyomi.now(), false)) as ended
      from taken t cross join lateral unnest(t.keys, t.ids) as j(key, id) where t.uniq),
  jobs as (
    select t.ids[n] as id, t.keys[n] as key, job, t.due_at, t.id as row, n, t.uniq
      from taken t cross join lateral jsonb_array_elements(t.jobs) with ordinality as j(job, n)
      where t.expires_at is null or t.expires_at > koyomi.now()),
  chunk as (
    insert into koyomi.chunk (run_id, selector_token, size, keys, jobs, ids)
      select v_run, 0, count(*), array_agg(key order by place), jsonb_agg(job order by place), array_agg(id order by place)
      from (select *, row_number() over (order by case when v_by_key then key end, due_at, row, n) as place from jobs) as placed having count(*) > 0
      returning id, size),
  slice as (
    insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at, priority, uniq, lease, worker_id, leased_at)
      select p_batch, v_run, c.id, c.size, (select min(due_at) from jobs), p_priority, (select bool_or(uniq) from jobs), p_lease, p_worker, koyomi.now()
      from chunk c
      returning id)
  select (select s.id from slice s), (select sum(l.jobs) from lapsed l), u.keys, u.ids, u.ended into v_slice_id, v_expired, v_keys, v_ids, v_ended from uniq u;
  if v_keys is not null then
    perform koyomi.free_keys(p_batch, v_keys, v_ids, v_ended);
  end if;
  if v_expired > 0 then
    insert into koyomi.work (run_id, kind, succeeded, skipped, cancelled, ended_at) values (v_run, 'Expired', 0, 0, v_expired, koyomi.now());
  end if;
  select * into v_slice from koyomi.slice s where s.id = v_slice_id;
  return v_slice;
end $$;
comment on function koyomi.take_single is 'Moves due jobs of a batch from the inbox into one chunk, leased; those past their time are counted as expired.';

-- Lanes --------------------------------------------------------------------------------------------------------

create function koyomi.fill_lanes(p_batch int) returns void
  language plpgsql as $$
declare
  v_batch koyomi.batch;
  v_run bigint;
  v_keys text[];  -- of the jobs that were enqueued as unique
  v_ids bigint[];
  v_ended boolean[];
  v_lanes int[];
  v_expired int;
begin
  select * into v_batch from koyomi.batch where id = p_batch;
  if v_batch.lanes = 0 or not exists (select from koyomi.inbox i where i.batch_id = p_batch and i.due_at <= koyomi.now()) then
    return;
  end if;
  v_run := koyomi.open_day(p_batch);
  -- Times are those of jobs from before the batch was ordered: while it is, enqueue() takes none.
  -- What is visible is the oldest: numbers are given under the batch's lock, which is held until the enqueuer's transaction ends.
  with near as materialized (
    select i.id, sum(i.bytes) over sofar - i.bytes as bytes, sum(i.jobs) over sofar - i.jobs as jobs
      from (select i.id, i.bytes, cardinality(i.ids) as jobs from koyomi.inbox i
              where i.batch_id = p_batch and i.due_at <= koyomi.now() order by i.id limit 5000) as i
      window sofar as (order by i.id rows unbounded preceding)),
  taken as (
    delete from koyomi.inbox i using near n where i.id = n.id and n.bytes < 16777216 and n.jobs < 20000 returning i.*),
  jobs as (
    select t.ids[n] as id, t.keys[n] as key, job, octet_length(job::text) as bytes, t.uniq, koyomi.lane_of(t.keys[n], v_batch.lanes) as lane,
           coalesce(t.expires_at <= koyomi.now(), false) as lapsed
      from taken t cross join lateral jsonb_array_elements(t.jobs) with ordinality as j(job, n)),
  numbered as (
    select j.*, sum(bytes) over (partition by lane order by id) / 1000000 + (row_number() over (partition by lane order by id) - 1) / 500 as portion
      from jobs j where not lapsed),
  portions as (
    select lane, portion, min(id) as first, bool_or(uniq) as uniq from numbered group by lane, portion),
  chunk as (
    insert into koyomi.chunk (run_id, selector_token, size, keys, jobs, ids, lane)
      select v_run, 0, count(*), array_agg(key order by id), jsonb_agg(job order by id), array_agg(id order by id), lane
      from numbered group by lane, portion order by lane, portion
      returning id, size, lane, ids),
  slice as (
    insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at, lane, uniq)
      select p_batch, v_run, c.id, c.size, koyomi.now(), c.lane, p.uniq
      from chunk c join portions p on p.first = c.ids[1] order by c.id)
  select array_agg(j.key) filter (where j.uniq), array_agg(j.id) filter (where j.uniq), array_agg(j.lapsed) filter (where j.uniq),
         count(*) filter (where j.lapsed), (select array_agg(distinct c.lane) from chunk c)
    into v_keys, v_ids, v_ended, v_expired, v_lanes from jobs j;
  if v_keys is not null then
    perform koyomi.free_keys(p_batch, v_keys, v_ids, v_ended);
  end if;
  if v_expired > 0 then
    insert into koyomi.work (run_id, kind, succeeded, skipped, cancelled, ended_at) values (v_run, 'Expired', 0, 0, v_expired, koyomi.now());
  end if;
  perform koyomi.ready_lanes(p_batch, v_lanes);
end $$;
comment on function koyomi.fill_lanes is 'Moves enqueued jobs of an ordered batch into its lanes, about 20,000 or 16 MB at a time. The caller holds the advisory lock koyomi.lanes of the batch.';

create function koyomi.ready_lanes(p_batch int, p_lanes int[]) returns void
  language sql as $$
  -- Each of these is written, not only those that wait: who leaves a lane at this moment must see these slices or be seen.
  insert into koyomi.lane as l (batch_id, lane, due_at)
    select p_batch, lane, koyomi.now() from unnest(p_lanes) as lane order by lane
    on conflict (batch_id, lane) do update set due_at = coalesce(l.due_at, excluded.due_at)
$$;
comment on function koyomi.ready_lanes is 'After slices were put into these lanes, in the same transaction. One call locks lanes in the order of their numbers, as do all that lock several. A dispatch makes several such calls: where a person resumes, retries or discards at the same time, one of the two may be told of a deadlock (40P01) and is done again.';

create function koyomi.leave_lane(p_lease bigint, p_after bigint default 0) returns void
  language plpgsql as $$
declare
  v_lane koyomi.lane;
begin
  select * into v_lane from koyomi.lane where lease = p_lease for update;
  if not found then
    return;
  end if;
  -- A statement of its own, whose snapshot is taken after the lock: see ready_lanes.
  update koyomi.lane set lease = null, worker_id = null,
      due_at = case when exists (select from koyomi.slice s where s.batch_id = v_lane.batch_id and s.lane = v_lane.lane and s.id > p_after) then koyomi.now() end
    where batch_id = v_lane.batch_id and lane = v_lane.lane;
end $$;

create function koyomi.head_of_lane(p_batch int, p_lane int, p_after bigint default 0) returns koyomi.slice
  language sql stable as $$
  select s.* from koyomi.slice s where s.batch_id = p_batch and s.lane = p_lane and s.id > p_after order by s.id limit 1
$$;
comment on function koyomi.head_of_lane is 'The first slice of a lane. p_after: a slice of it that has ended, before which there is none: dead rows are left out.';

create function koyomi.hold(p_slice bigint, p_worker bigint, p_lease bigint, p_alone boolean) returns koyomi.slice
  language sql as $$
  update koyomi.slice s set lease = p_lease, worker_id = p_worker, leased_at = koyomi.now(), alone = p_alone
    where s.id = p_slice and s.lease is null
    returning s.*
$$;

create function koyomi.lease_lane(p_batch koyomi.batch, p_worker bigint, p_lease bigint, p_alone boolean) returns koyomi.slice
  language plpgsql as $$
declare
  v_lane int;
  v_slice koyomi.slice;
begin
  with choice as materialized (
    select l.lane from koyomi.lane l
      where l.batch_id = p_batch.id and l.lease is null and l.stopped_at is null and l.due_at <= koyomi.now()
        and (p_alone or not exists (select from koyomi.slice s where s.batch_id = p_batch.id and s.lane = l.lane and s.suspect > 0))
      order by l.due_at limit 1
      for update skip locked)
  update koyomi.lane l set lease = p_lease, worker_id = p_worker
    from choice where l.batch_id = p_batch.id and l.lane = choice.lane
    returning l.lane into v_lane;
  if not found then
    return null;
  end if;
  select * into v_slice from koyomi.head_of_lane(p_batch.id, v_lane);
  if v_slice.id is not null then
    select * into v_slice from koyomi.hold(v_slice.id, p_worker, p_lease, p_alone and v_slice.suspect > 0);
    if v_slice.id is not null then
      return v_slice;
    end if;
  end if;
  perform koyomi.leave_lane(p_lease);  -- its jobs were cancelled meanwhile
  return null;
end $$;

create function koyomi.next_in_lane(p_worker bigint, p_lease bigint, p_after bigint, p_needed text[], p_values boolean) returns koyomi.leased
  language plpgsql as $$
declare
  v_lane koyomi.lane;
  v_slice koyomi.slice;
begin
  perform from koyomi.worker w where w.id = p_worker and w.stopped_at is null and w.lost_at is null and w.draining_at is null for share;
  select l.* into v_lane from koyomi.lane l
    join koyomi.batch b on b.id = l.batch_id
    where l.lease = p_lease and l.worker_id = p_worker and b.paused_at is null and b.max_concurrent is null and b.rate_jobs is null
      and exists (select from koyomi.worker w where w.id = p_worker and w.stopped_at is null and w.lost_at is null and w.draining_at is null)
      -- Another slot of this process works alone.
      and not exists (select from koyomi.slice s where s.batch_id = b.id and s.suspect > 0 and s.worker_id = p_worker and s.alone);
  if found then
    select * into v_slice from koyomi.head_of_lane(v_lane.batch_id, v_lane.lane, p_after);
    if v_slice.id is not null and v_slice.suspect = 0 then
      select * into v_slice from koyomi.hold(v_slice.id, p_worker, p_lease, false);
      if v_slice.id is not null then
        -- As in lease(). Not where the lane is left: a crash that forgot it would leave it leased to one who lives.
        perform set_config('synchronous_commit', 'off', true);
        return koyomi.leased_of(v_slice, p_needed, p_values);
      end if;
    end if;
  end if;
  perform koyomi.leave_lane(p_lease, p_after);
  return null;
end $$;
comment on function koyomi.next_in_lane is 'Goes on behind the slice that has ended in the lane that is held under this lease; leaves it and gives null when it has no more.';

-- The lease ----------------------------------------------------------------------------------------------------

create function koyomi.starving(p_batch int, p_worker bigint) returns boolean
  language sql stable as $$
  select exists (select from koyomi.slice s
                 where s.batch_id = p_batch and s.suspect > 0 and s.lease is null and s.suspect_at <= koyomi.now() - (select 12 * beat_every from koyomi.meta)
                   and (s.lane is null
                        or exists (select from koyomi.lane l where l.batch_id = p_batch and l.lane = s.lane and l.lease is null
                                     and l.stopped_at is null and l.due_at <= koyomi.now() - (select 12 * beat_every from koyomi.meta))))
    and p_worker = (select min(w.id) from koyomi.worker w
                    where w.batch_id = p_batch and w.kind = 'Worker' and w.release > 1
                      and w.stopped_at is null and w.lost_at is null and w.draining_at is null)
$$;
comment on function koyomi.starving is 'Whether jobs that others may have died of have waited for twelve beats, a minute, and this worker is the one, the oldest, that gives back the rest to work them alone.';

create function koyomi.lease(
    p_worker bigint, p_lease bigint, p_oldest boolean, p_alone boolean,
    p_due timestamptz[], p_id bigint[],
    p_needed text[], p_values boolean, p_permits int default 500) returns koyomi.leased
  language plpgsql as $$
declare
  v_batch koyomi.batch;
  v_now timestamptz := koyomi.now();
  v_class smallint;
  v_from timestamptz;
  v_from_id bigint;
  v_best smallint;
  v_best_due timestamptz;
  v_due timestamptz;
  v_single boolean := false;
  v_lanes boolean := false;
  v_suspect boolean := false;
  v_alone boolean := false;
  v_slice koyomi.slice;
  v_leased koyomi.leased;
  v_permitted int;
  v_until timestamptz;
begin
  select b.* into v_batch from koyomi.worker w join koyomi.batch b on b.id = w.batch_id
    where w.id = p_worker and w.stopped_at is null and w.lost_at is null and w.draining_at is null and b.paused_at is null;
  if not found then
    return null;
  end if;
  if koyomi.starving(v_batch.id, p_worker) then
    if not p_alone then
      v_leased.wait := interval '100 milliseconds';
      return v_leased;
    end if;
    v_suspect := true;
  end if;
  -- First looks that write nothing, so that an idle worker writes nothing.
  for v_class in 0..2 loop
    exit when v_suspect;
    v_from := coalesce(p_due[v_class + 1], '-infinity');
    v_from_id := coalesce(p_id[v_class + 1], 0);
    select s.due_at into v_due from koyomi.slice s
      where s.batch_id = v_batch.id and s.priority = v_class and s.lease is null and s.lane is null and s.suspect = 0 and s.due_at <= v_now
        and (s.due_at, s.id) >= (v_from, v_from_id)
      order by s.due_at, s.id limit 1;
    if found and (v_best is null or v_due < v_best_due) then
      v_best := v_class;
      v_best_due := v_due;
      v_single := false;
    end if;
    if v_batch.lanes = 0 then
      select i.due_at into v_due from koyomi.inbox i
        where i.batch_id = v_batch.id and i.priority = v_class and i.due_at <= v_now and i.due_at >= v_from order by i.due_at, i.id limit 1;
      if found and (v_best is null or v_due < v_best_due) then
        v_best := v_class;
        v_best_due := v_due;
        v_single := true;
      end if;
    end if;
    exit when v_best is not null and not p_oldest;
  end loop;
  if v_best is null and v_batch.lanes > 0 then
    if exists (select from koyomi.inbox i where i.batch_id = v_batch.id) and pg_try_advisory_xact_lock(hashtext('koyomi.lanes'), v_batch.id) then
      perform koyomi.fill_lanes(v_batch.id);
    end if;
    v_lanes := exists (select from koyomi.lane l
                       where l.batch_id = v_batch.id and l.lease is null and l.stopped_at is null and l.due_at <= v_now);
  end if;
  if v_best is null and p_alone then
    v_suspect := exists (select from koyomi.slice s
                         where s.batch_id = v_batch.id and s.suspect > 0 and s.lease is null and s.lane is null and s.due_at <= v_now);
  end if;
  if v_best is null and not v_lanes and not v_suspect then
    return null;
  end if;
  -- No wait for the disk: a lease that a crash forgets is refused at the fence, and what is committed under it lies behind it in the log.
  perform set_config('synchronous_commit', 'off', true);
  -- Who is being declared lost at this moment must lease nothing: nobody would ever free it.
  if p_alone and v_best is null then
    perform from koyomi.worker w where w.id = p_worker and w.stopped_at is null and w.lost_at is null and w.draining_at is null for no key update;
    v_alone := not exists (select from koyomi.slice s where s.batch_id = v_batch.id and s.worker_id = p_worker);
  else
    perform from koyomi.worker w where w.id = p_worker and w.stopped_at is null and w.lost_at is null and w.draining_at is null for share;
  end if;
  if not exists (select from koyomi.worker w where w.id = p_worker and w.stopped_at is null and w.lost_at is null and w.draining_at is null)
     or exists (select from koyomi.slice s where s.batch_id = v_batch.id and s.suspect > 0 and s.worker_id = p_worker and s.alone) then
    return null;  -- gone meanwhile, or another slot of this process works alone
  end if;
  if v_batch.max_concurrent is not null and koyomi.at_limit(v_batch.id, v_batch.max_concurrent) then
    v_leased.wait := interval '100 milliseconds';
    return v_leased;
  end if;
  if v_batch.rate_jobs is not null then
    select p.permitted, p.permitted_until, p.wait into v_permitted, v_until, v_leased.wait
      from koyomi.permit(v_batch.id, greatest(1, least(500, v_batch.rate_jobs / 20, p_permits))) as p;
    if v_permitted = 0 then
      return v_leased;
    end if;
  end if;
  v_from := coalesce(p_due[v_best + 1], '-infinity');
  v_from_id := coalesce(p_id[v_best + 1], 0);
  if v_single then
    v_slice := koyomi.take_single(v_batch.id, p_worker, p_lease, v_best, v_from);
  elsif v_best is not null then
    with choice as materialized (
      select s.id from koyomi.slice s
        where s.batch_id = v_batch.id and s.priority = v_best and s.lease is null and s.lane is null and s.suspect = 0 and s.due_at <= v_now
          and (s.due_at, s.id) >= (v_from, v_from_id)
        order by s.due_at, s.id limit 1
        for update skip locked)
    update koyomi.slice s set lease = p_lease, worker_id = p_worker, leased_at = v_now, alone = false
      from choice where s.id = choice.id
      returning s.* into v_slice;
  elsif v_lanes then
    v_slice := koyomi.lease_lane(v_batch, p_worker, p_lease, v_alone);
  end if;
  if v_slice.id is null and v_suspect and v_alone then
    with choice as materialized (
      select s.id from koyomi.slice s
        where s.batch_id = v_batch.id and s.suspect > 0 and s.lease is null and s.lane is null and s.due_at <= v_now
        order by s.id limit 1
        for update skip locked)
    update koyomi.slice s set lease = p_lease, worker_id = p_worker, leased_at = v_now, alone = true
      from choice where s.id = choice.id
      returning s.* into v_slice;
  end if;
  if v_permitted > coalesce(v_slice.stop - v_slice.position, 0) then
    perform koyomi.refund(v_batch.id, v_permitted - coalesce(v_slice.stop - v_slice.position, 0));
    v_permitted := v_slice.stop - v_slice.position;
  end if;
  if v_slice.id is null then
    return null;
  end if;
  v_leased := koyomi.leased_of(v_slice, p_needed, p_values);
  v_leased.permitted := v_permitted;
  v_leased.permitted_until := v_until;
  return v_leased;
end $$;
comment on function koyomi.lease is 'Leases one slice to a worker: the best class first, or (p_oldest) what waited longest. p_due and p_id: where the search begins in each class, a hint by which dead rows are left out. p_alone: the process holds nothing, and may take jobs that others died of. p_permits: most that the rate is asked for.';

-- Changes of a lease by its owner ------------------------------------------------------------------------------

create function koyomi.split(p_slice bigint, p_lease bigint, p_pieces int) returns int
  language plpgsql as $$
declare
  v_state text;
  v_slice koyomi.slice;
  v_keep int;
begin
  select r.state into v_state from koyomi.run r join koyomi.slice s on s.run_id = r.id where s.id = p_slice and s.lease = p_lease for share of r;
  if not found then
    return null;
  end if;
  select * into v_slice from koyomi.slice where id = p_slice and lease = p_lease for update;
  if not found then
    return null;
  end if;
  v_keep := ceil((v_slice.stop - v_slice.position)::numeric / p_pieces);
  -- Of a run that is selecting once more, the owner goes on alone.
  if v_state <> 'Running' or v_slice.lane is not null or v_slice.suspect > 0 or v_slice.position + v_keep >= v_slice.stop then
    return v_slice.stop;
  end if;
  insert into koyomi.slice (batch_id, run_id, chunk_id, attempt, prior, ordinals, started, position, stop, due_at, priority, uniq)
    select v_slice.batch_id, v_slice.run_id, v_slice.chunk_id, v_slice.attempt, v_slice.prior, v_slice.ordinals, at, at,
           least(at + v_keep, v_slice.stop), v_slice.due_at, v_slice.priority, v_slice.uniq
    from generate_series(v_slice.position + v_keep, v_slice.stop - 1, v_keep) as at;
  update koyomi.slice set stop = position + v_keep where id = v_slice.id;
  perform koyomi.wake(v_slice.batch_id);
  return v_slice.position + v_keep;
end $$;
comment on function koyomi.split is 'Only for the owner of the lease: keeps one of so many pieces of the rest and gives back the others. Returns the new stop; null: the lease is lost.';

create function koyomi.ready(p_batch int, p_class int, p_due timestamptz[], p_id bigint[], p_before timestamptz) returns boolean
  language sql stable as $$
  select exists (select from koyomi.slice s
                 where s.batch_id = p_batch and s.priority = p_class and s.lease is null and s.lane is null and s.suspect = 0
                   and s.due_at <= koyomi.now() and s.due_at < p_before
                   and (s.due_at, s.id) >= (coalesce(p_due[p_class + 1], '-infinity'), coalesce(p_id[p_class + 1], 0)))
$$;
comment on function koyomi.ready is 'Whether a slice of this class, due before that time, waits for whoever comes.';

create function koyomi.outlook(p_slice bigint, p_due timestamptz[], p_id bigint[], out better boolean, out hands int)
  language plpgsql stable as $$
declare
  v_slice koyomi.slice;
  v_batch koyomi.batch;
begin
  select * into v_slice from koyomi.slice where id = p_slice;
  select * into v_batch from koyomi.batch where id = v_slice.batch_id;
  better := v_batch.paused_at is not null
    or exists (select from generate_series(0, v_slice.priority) as class
                 cross join lateral (select case when class < v_slice.priority then 'infinity' else v_slice.due_at end as before) as b
               where koyomi.ready(v_batch.id, class, p_due, p_id, before)
                  or v_batch.lanes = 0
                     and exists (select from koyomi.inbox i
                                 where i.batch_id = v_batch.id and i.priority = class and i.due_at <= koyomi.now() and i.due_at < before
                                   and i.due_at >= coalesce(p_due[class + 1], '-infinity')))
    or v_slice.suspect = 0 and koyomi.starving(v_batch.id, v_slice.worker_id)
    or v_slice.lane is not null
       and exists (select from koyomi.lane l
                   where l.batch_id = v_batch.id and l.lease is null and l.stopped_at is null and l.due_at <= koyomi.now());
  hands := case when exists (select from generate_series(0, 2) as class where koyomi.ready(v_batch.id, class, p_due, p_id, 'infinity')) then 0
                else (select coalesce(sum(w.idle), 0) from koyomi.worker w
                      where w.batch_id = v_batch.id and w.id is distinct from v_slice.worker_id
                        and w.stopped_at is null and w.lost_at is null and w.draining_at is null) end;
end $$;
comment on function koyomi.outlook is 'For the owner of this slice. better: give the rest back, for the batch is paused, or something better or older waits. hands: idle slots of other processes, as of their last heartbeats, that find nothing to do.';

create function koyomi.give_back(p_worker bigint, p_lease bigint) returns bigint
  language plpgsql as $$
declare
  v_batch int := (select w.batch_id from koyomi.worker w where w.id = p_worker);
  v_slice koyomi.slice;
begin
  -- By the whole of the index: what was held is not walked over.
  select * into v_slice from koyomi.slice where batch_id = v_batch and worker_id = p_worker and lease = p_lease for update;
  if found then
    perform koyomi.log_work(v_slice);
    update koyomi.slice set lease = null, worker_id = null, leased_at = null, alone = false, started = position where id = v_slice.id;
  end if;
  perform koyomi.leave_lane(p_lease);
  return v_slice.run_id;
end $$;
comment on function koyomi.give_back(bigint, bigint) is 'Frees what a worker holds under a lease, at its cursor; the run that it is of, or null when nothing is held.';

create or replace function koyomi.give_back(p_lease bigint) returns bigint
  language sql
  return koyomi.give_back((select s.worker_id from koyomi.slice s where s.lease = p_lease and s.worker_id is not null), p_lease);
comment on function koyomi.give_back(bigint) is 'For release 0.1.0.';

create function koyomi.leases_of(p_worker bigint) returns setof bigint
  language sql stable as $$
  select s.lease from koyomi.worker w join koyomi.slice s on s.batch_id = w.batch_id and s.worker_id = w.id where w.id = p_worker
  union
  select l.lease from koyomi.worker w join koyomi.lane l on l.batch_id = w.batch_id and l.worker_id = w.id where w.id = p_worker
$$;
comment on function koyomi.leases_of is 'What a worker holds, so that it can give back what it does not know of: a lease whose connection broke may commit later than its slot looked.';

create function koyomi.finish(p_run bigint) returns void
  language plpgsql as $$
begin
  if exists (select from koyomi.failure f where f.run_id = p_run and not f.cut) then
    perform koyomi.cut_retries(p_run, 'infinity');
  end if;
  -- A day's run has had a slice for each few jobs, which it would walk over.
  if exists (select from koyomi.run r where r.id = p_run and (r.open_until is null or r.open_until <= koyomi.now())) and not koyomi.has_slices(p_run) then
    perform koyomi.close_run(p_run);
  end if;
end $$;
comment on function koyomi.finish is 'After the end of a slice: makes the retries of its run, and closes the run when nothing of it is left.';

create function koyomi.has_slices(p_run bigint) returns boolean
  language sql stable
  -- From the end: dead rows of slices that are done lie at the beginning.
  return exists (select from (select s.id from koyomi.slice s where s.run_id = p_run order by s.id desc limit 1) as last);

create function koyomi.next_due_in(p_batch int, p_due timestamptz[] default '{}', p_id bigint[] default '{}') returns interval
  language sql stable as $$
  select case when due <= koyomi.now() then interval '0' else due - koyomi.now() end
  from koyomi.batch b cross join lateral (select least(
    (select min(head.due_at) from generate_series(0, 2) as class
       cross join lateral (select s.due_at from koyomi.slice s
                           where s.batch_id = b.id and s.priority = class and s.lease is null and s.lane is null and s.suspect = 0
                             and (s.due_at, s.id) >= (coalesce(p_due[class + 1], '-infinity'), coalesce(p_id[class + 1], 0))
                           order by s.due_at, s.id limit 1) as head),
    -- What is due of these waits for a process that holds nothing: nobody knows how long.
    (select min(s.due_at) from koyomi.slice s where s.batch_id = b.id and s.suspect > 0 and s.lease is null and s.lane is null and s.due_at > koyomi.now()),
    (select min(head.due_at) from generate_series(0, 2) as class
       cross join lateral (select i.due_at from koyomi.inbox i
                           where i.batch_id = b.id and i.priority = class and i.due_at >= coalesce(p_due[class + 1], '-infinity')
                           order by i.due_at, i.id limit 1) as head),
    (select min(l.due_at) from koyomi.lane l
       where l.batch_id = b.id and l.lease is null and l.stopped_at is null
         and (l.due_at > koyomi.now() or l.lane not in (select s.lane from koyomi.slice s where s.batch_id = b.id and s.suspect > 0 and s.lane is not null)))) as due) as next
  where b.id = p_batch and b.paused_at is null
$$;
comment on function koyomi.next_due_in is 'Time until something of the batch that nobody holds is due; null: there is nothing that this would be known of, or the batch is paused. p_due and p_id as of lease.';

-- All that these call is planned at the first call in a session, and not at each of the first five: the first jobs that an idle worker is woken
-- for would wait for it. There is one plan anyhow, by an index.
alter function koyomi.lease set plan_cache_mode = force_generic_plan;
alter function koyomi.next_in_lane set plan_cache_mode = force_generic_plan;
