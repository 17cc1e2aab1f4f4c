-- Work on a leased slice: what its jobs hold, the fence, failures.

-- Payloads -----------------------------------------------------------------------------------------------------

create function koyomi.values_of(p_chunk bigint, p_name text) returns text[]
  language sql stable as $$
  select case when c.vals is null then array(select job ->> p_name from jsonb_array_elements(c.jobs) as job)
              else array(select unnest(c.vals[array_position(c.names, p_name) : array_position(c.names, p_name)]))
         end
  from koyomi.chunk c where c.id = p_chunk
$$;
comment on function koyomi.values_of is 'One column of a chunk''s payloads, a text for each job; null where it is null or not there.';

create function koyomi.json_of(p_text text) returns jsonb
  language plpgsql immutable as $$
begin
  return p_text::jsonb;
exception when others then
  -- What json takes and jsonb does not, such as \u0000: as it is written. A job must not be lost for it.
  return to_jsonb(p_text);
end $$;

create function koyomi.payload_of(p_chunk bigint, p_ordinal int) returns jsonb
  language sql stable as $$
  select case when c.vals is null then c.jobs -> p_ordinal
              else (select coalesce(jsonb_object_agg(name, case
                        when value is null then 'null'
                        when kind = 'n' and value !~ '[IN]' then koyomi.json_of(value)  -- neither Infinity nor NaN
                        when kind in ('b', 'j') then koyomi.json_of(value)
                        else to_jsonb(value) end), '{}')
                    from unnest(c.names, string_to_array(c.kinds, null),
                                array(select c.vals[row][p_ordinal + 1] from generate_subscripts(c.names, 1) as row)) as t(name, kind, value))
         end
  from koyomi.chunk c where c.id = p_chunk
$$;
comment on function koyomi.payload_of is 'A job''s payload as JSON.';

create function koyomi.lacking(p_chunk bigint, p_names text[]) returns int[]
  language sql stable as $$
  select case when c.vals is null
                then array(select (n - 1)::int from jsonb_array_elements(c.jobs) with ordinality as j(job, n) where not job ?& p_names order by n)
              when c.names @> p_names then '{}'
              else array(select generate_series(0, c.size - 1)) end
  from koyomi.chunk c where c.id = p_chunk
$$;
comment on function koyomi.lacking is 'Places of the jobs whose payload lacks one of these names.';

create function koyomi.column(p_name text) returns text[]
  language plpgsql stable as $$
declare
  v_set bigint[] := string_to_array(current_setting('koyomi.jobs', true), ' ')::bigint[];  -- slice, from, to
  v_ordinals int[];
  v_chunk bigint;
  v_values text[];
begin
  select s.chunk_id, s.ordinals into v_chunk, v_ordinals from koyomi.slice s join koyomi.chunk c on c.id = s.chunk_id where s.id = v_set[1];
  if not found then
    -- No rows would be taken for jobs that find nothing to do.
    raise exception 'koyomi.jobs() has no jobs in this transaction: its setting koyomi.jobs was reset, or what the queue holds was changed' using errcode = 'KY014';
  end if;
  v_values := koyomi.values_of(v_chunk, p_name);
  return case when v_ordinals is null then v_values[v_set[2] + 1 : v_set[3]]
              else array(select v_values[o + 1] from unnest(v_ordinals[v_set[2] + 1 : v_set[3]]) with ordinality as t(o, n) order by n) end;
end $$;
comment on function koyomi.column is 'One column of the jobs that the present transaction works; koyomi.jobs() in a Unit stands for these.';

-- The log of finished pieces -----------------------------------------------------------------------------------

create function koyomi.outcomes(p_slice koyomi.slice) returns table (failed bigint, skipped bigint)
  language sql stable as $$
  -- The attempt of a slice in a lane is that of the job at its cursor: jobs behind the cursor had others. What failed here and was tried again
  -- meanwhile, elsewhere, is counted there however it ended.
  with failed as (
    select distinct f.ordinal from koyomi.failure f
      where f.chunk_id = p_slice.chunk_id and not f.held and (p_slice.lane is not null or f.attempt = p_slice.attempt)
        and case when p_slice.ordinals is null then f.ordinal >= p_slice.started and f.ordinal < p_slice.position
                 else f.ordinal = any (p_slice.ordinals[p_slice.started + 1 : p_slice.position]) end)
  select (select count(*) from failed),
         (select count(*) from koyomi.skipped k
            where k.chunk_id = p_slice.chunk_id and k.ordinal not in (select f.ordinal from failed f)
              and case when p_slice.ordinals is null then k.ordinal >= p_slice.started and k.ordinal < p_slice.position
                       else k.ordinal = any (p_slice.ordinals[p_slice.started + 1 : p_slice.position]) end)
$$;
comment on function koyomi.outcomes is 'Of the jobs between started and position: how many failed, and how many found nothing to do. The others succeeded.';

create or replace function koyomi.log_work(p_slice koyomi.slice) returns void
  language plpgsql as $$
declare
  v_done int[] := case when p_slice.ordinals is not null then p_slice.ordinals[p_slice.started + 1 : p_slice.position] end;
  v_failed int;
  v_skipped int;
begin
  if p_slice.position = p_slice.started then
    return;
  end if;
  select o.failed, o.skipped into v_failed, v_skipped from koyomi.outcomes(p_slice) as o;
  insert into koyomi.work (run_id, chunk_id, attempt, kind, first, stop, ordinals, succeeded, skipped, cancelled, worker_id, began_at, ended_at)
    values (p_slice.run_id, p_slice.chunk_id, p_slice.attempt, 'Done', p_slice.started, p_slice.position, v_done,
            p_slice.position - p_slice.started - v_failed - v_skipped, v_skipped, 0,
            p_slice.worker_id, p_slice.leased_at, koyomi.clock());  -- within a call of many jobs now() is its begin
end $$;

create function koyomi.log_unworked(p_slice koyomi.slice, p_kind text) returns int
  language plpgsql as $$
declare
  v_jobs int := p_slice.stop - p_slice.position;
begin
  perform koyomi.log_work(p_slice);
  insert into koyomi.work (run_id, chunk_id, attempt, kind, first, stop, ordinals, succeeded, skipped, cancelled, worker_id, ended_at)
    values (p_slice.run_id, p_slice.chunk_id, p_slice.attempt, p_kind, p_slice.position, p_slice.stop,
            p_slice.ordinals[p_slice.position + 1 : p_slice.stop], 0, 0, v_jobs, p_slice.worker_id, koyomi.now());
  if p_slice.uniq then
    perform koyomi.forget_unique(p_slice, p_slice.position, p_slice.stop);
  end if;
  return v_jobs;
end $$;
comment on function koyomi.log_unworked is 'Records the rest of a slice that is being deleted; returns how many jobs that is.';

create function koyomi.free_keys(p_batch int, p_keys text[], p_ids bigint[], p_ended boolean[]) returns void
  language sql as $$
  -- Locked in the order of the keys, as those who enqueue several take them.
  delete from koyomi.unique_job u using (
      select o.key from unnest(p_keys, p_ids, p_ended) as job(key, id, ended)
        join koyomi.unique_job o on o.batch_id = p_batch and o.key = job.key and o.job_id = job.id
        where o.scope = 'Waiting' or o.scope = 'Unfinished' and job.ended
        order by o.key for update of o) as held
    where u.batch_id = p_batch and u.key = held.key
$$;
comment on function koyomi.free_keys is 'A worker has these jobs, or they have ended: what of their keys was taken for as long as that may be enqueued again. Keys are freed here and nowhere else, but for those whose period is over.';

create function koyomi.forget_unique(p_slice koyomi.slice, p_from int, p_to int) returns void
  language sql as $$
  select koyomi.free_keys(p_slice.batch_id, array_agg(c.keys[place.ordinal + 1]), array_agg(c.ids[place.ordinal + 1]), array_agg(true))
    from koyomi.chunk c
      cross join (select coalesce(p_slice.ordinals[at + 1], at) as ordinal from generate_series(p_from, p_to - 1) as at) as place
    where c.id = p_slice.chunk_id
      and not exists (select from koyomi.failure f  -- tried again later
                      where f.chunk_id = c.id and f.ordinal = place.ordinal and not f.cut)
$$;
comment on function koyomi.forget_unique is 'The jobs of these positions have ended: their keys may be enqueued again.';

-- The fence ----------------------------------------------------------------------------------------------------

create function koyomi.advance(p_slice bigint, p_lease bigint, p_position int, p_count int, p_skipped int[]) returns void
  language plpgsql as $$
declare
  v_slice koyomi.slice;
  v_uniq boolean;
begin
  if p_skipped is not null then
    insert into koyomi.skipped (chunk_id, ordinal, run_id, reason)
      select s.chunk_id, coalesce(s.ordinals[at + 1], at), s.run_id, 'the Unit''s last statement found no row'
      from koyomi.slice s cross join unnest(p_skipped) as at
      where s.id = p_slice and s.lease = p_lease
      on conflict (chunk_id, ordinal) do nothing;
  end if;
  -- The last step deletes the slice, so the cursor never stands at its stop.
  update koyomi.slice
    set position = position + p_count, suspect = greatest(0, suspect - p_count), lost = 0,
        attempt = case when lane is null then attempt else 1 end, prior = case when lane is null then prior else 0 end
    where id = p_slice and lease = p_lease and position = p_position and position + p_count < stop
    returning uniq into v_uniq;
  if found then
    if v_uniq then
      select * into v_slice from koyomi.slice where id = p_slice;
      perform koyomi.forget_unique(v_slice, p_position, p_position + p_count);
    end if;
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
  if v_slice.uniq then
    perform koyomi.forget_unique(v_slice, p_position, v_slice.stop);
  end if;
end $$;
comment on function koyomi.advance(bigint, bigint, int, int, int[]) is 'The fence: the last statement of a transaction of SQL Units, which cannot end it themselves. Raises KY001 unless slice, lease and position are still as leased. p_skipped: positions of the jobs that found nothing to do.';

create function koyomi.step_text(out find text, out step text)
  language sql stable as $$
  select $find$
          select s.ctid into koyomi_version from koyomi.slice s
            where s.id = koyomi_slice and s.lease = koyomi_lease and s.suspect = 0 and s.lost = 0 and s.lane is null and not s.uniq;
$find$, $step$
          update koyomi.slice set position = koyomi_done
            where ctid = koyomi_version and lease = koyomi_lease and position = case when koyomi_rows > 0 then koyomi_from end and koyomi_done < stop
              and clock_timestamp() <= koyomi_end
            returning ctid, position into koyomi_version, koyomi_from;
$step$
$$;
comment on function koyomi.step_text() is 'advance() from koyomi_from to koyomi_done for the procedure that a Unit is compiled to, its usual case without a call: a tenth of the time of a job with a commit of its own. Text of the schema, not of the runner: the procedure looks at each call whether it is still the same. find: where the row of the slice is that only its cursor is to be moved of; null: advance() is needed, or the lease is lost. What is asked there changes only with the lease, or by advance(); to be run every so many jobs, as the way through the index makes room in the page and the other does not. step: moves the cursor where the row was last seen, as the way from the index leads over all versions while somebody holds a snapshot. Moves nothing where that is not enough: koyomi_rows is 0, it is later than koyomi_end, or the slice is at its end; then FOUND is false, and koyomi_version and koyomi_from are null.';

create or replace function koyomi.advance(p_slice bigint, p_lease bigint, p_position int, p_count int) returns void
  language plpgsql as $$
begin
  if current_setting('koyomi.unit', true) is distinct from p_lease::text then
    raise exception 'the Unit ended its transaction by itself' using errcode = 'KY002';
  end if;
  perform koyomi.advance(p_slice, p_lease, p_position, p_count, null);
end $$;
comment on function koyomi.advance(bigint, bigint, int, int) is 'For release 0.1.0, and for Units that are given a connection, which this release has not: begin_unit() must have marked this transaction.';
comment on function koyomi.begin_unit is 'For release 0.1.0, and for Units that are given a connection, which this release has not. Marks this transaction as the Unit''s: advance() with four arguments finds the mark gone when the Unit committed by itself.';

create function koyomi.position_of(p_slice bigint, p_lease bigint) returns int
  language sql stable
  return (select s.position from koyomi.slice s where s.id = p_slice and s.lease = p_lease);
comment on function koyomi.position_of is 'Where a slice stands, for a worker whose last transaction broke; null: it is no longer held under this lease.';

-- Failures -----------------------------------------------------------------------------------------------------

create function koyomi.record_failure(p_slice koyomi.slice, p_error_class text, p_message text, p_kind text, p_retry_after interval) returns text
  language plpgsql as $$
declare
  v_ordinal int := coalesce(p_slice.ordinals[p_slice.position + 1], p_slice.position);
  v_stays boolean := p_slice.lane is not null
    and (p_retry_after is not null or 'StopLane' = (select on_dead from koyomi.batch where id = p_slice.batch_id));
  v_key text := (select c.keys[v_ordinal + 1] from koyomi.chunk c where c.id = p_slice.chunk_id);
begin
  insert into koyomi.failure (chunk_id, ordinal, attempt, run_id, prior, error_class, message, worker_id, at, retry_at, cut, held)
    values (p_slice.chunk_id, v_ordinal, p_slice.attempt, p_slice.run_id, p_slice.prior, p_error_class, p_message,
            p_slice.worker_id, koyomi.now(), koyomi.now() + p_retry_after, v_stays or p_retry_after is null, v_stays);
  if p_retry_after is null then
    insert into koyomi.dead (chunk_id, ordinal, run_id, key, payload, kind, attempt, error_class, message, at)
      values (p_slice.chunk_id, v_ordinal, p_slice.run_id, v_key, koyomi.payload_of(p_slice.chunk_id, v_ordinal), p_kind,
              p_slice.attempt, p_error_class, p_message, koyomi.now());
  end if;
  if v_stays and p_retry_after is null and p_slice.uniq then
    -- Dead it has ended, though its place in the lane is kept.
    perform koyomi.forget_unique(p_slice, p_slice.position, p_slice.position + 1);
  end if;
  if v_stays then
    -- Its lane waits with it.
    update koyomi.lane l
      set due_at = koyomi.now() + coalesce(p_retry_after, interval '0'),
          stopped_at = case when p_retry_after is null then koyomi.now() end,
          stopped_chunk = case when p_retry_after is null then p_slice.chunk_id end,
          stopped_ordinal = case when p_retry_after is null then v_ordinal end,
          lease = null, worker_id = null
      where l.batch_id = p_slice.batch_id and l.lane = p_slice.lane;
    perform koyomi.log_work(p_slice);
    update koyomi.slice s
      set attempt = s.attempt + 1, prior = case when p_retry_after is null then s.attempt else s.prior end,
          started = s.position, lease = null, worker_id = null, leased_at = null, alone = false, lost = 0
      where s.id = p_slice.id;
  end if;
  return v_key;
end $$;
comment on function koyomi.record_failure is 'Writes down the failed attempt of the job at the cursor. In a lane the job stays there until its retries are used up; elsewhere the caller advances past it.';

create function koyomi.fail(p_slice bigint, p_lease bigint, p_position int, p_error_class text, p_message text, p_kind text, p_retry_after interval) returns text
  language plpgsql as $$
declare
  v_slice koyomi.slice;
  v_key text;
begin
  if p_retry_after is null then
    -- It may stop its lane. Who cancels, clears or retries holds the run: such a one finds the dead job and the stopped lane, or neither.
    perform from koyomi.run r join koyomi.slice s on s.run_id = r.id where s.id = p_slice and s.lease = p_lease and s.lane is not null for share of r;
  end if;
  select * into v_slice from koyomi.slice where id = p_slice and lease = p_lease and position = p_position for update;
  if not found then
    raise exception 'slice % is no longer at position % under this lease', p_slice, p_position using errcode = 'KY001';
  end if;
  v_key := koyomi.record_failure(v_slice, p_error_class, p_message, p_kind, p_retry_after);
  if exists (select from koyomi.slice where id = p_slice and lease = p_lease) then
    perform koyomi.advance(p_slice, p_lease, p_position, 1, null);
  end if;
  return v_key;
end $$;
comment on function koyomi.fail is 'Records a failed attempt; without p_retry_after the job needs a person (p_kind Dead or Parked). In a lane whose job stays, the lease is over; else the cursor moves past the job. Returns the job''s key.';

create function koyomi.park(p_slice bigint, p_lease bigint, p_position int, p_needed text[]) returns text
  language sql as $$
  select koyomi.fail(s.id, p_lease, p_position, 'PayloadMisfit',
      'spec.unit.sql uses :' || array_to_string(array(
        select name from unnest(p_needed) as name
        where coalesce(s.ordinals[p_position + 1], p_position) = any (koyomi.lacking(s.chunk_id, array[name]))), ', :')
      || ', but this job''s payload has no column of that name', 'Parked', null)
  from koyomi.slice s where s.id = p_slice
$$;
comment on function koyomi.park is 'Sets aside the job at the cursor, whose payload lacks what the Unit needs: no attempt can succeed.';

create or replace function koyomi.fail_job(p_slice bigint, p_lease bigint, p_position int, p_error_class text, p_message text, p_kind text, p_retry_after interval) returns void
  language sql as $$
  select koyomi.fail(p_slice, p_lease, p_position, p_error_class, p_message, p_kind, p_retry_after)
$$;
comment on function koyomi.fail_job is 'For release 0.1.0.';

create function koyomi.on_time(p_until timestamptz) returns void
  language plpgsql as $$
begin
  if koyomi.clock() > p_until then
    raise exception 'the permit has lapsed' using errcode = 'KY009';
  end if;
end $$;
comment on function koyomi.on_time is 'Keeps a job from beginning later than the batch''s rate allowed.';
