-- Batches: what their definition says, in columns. Workers: who may join, who is idle.

create function koyomi.bytes_of(p_quantity text) returns int
  language sql immutable
  return (select (part[1]::numeric * case part[2] when 'Ki' then 1024 when 'Mi' then 1048576 when 'k' then 1000 when 'M' then 1000000 else 1 end)::int
          from regexp_match(p_quantity, '^([0-9.]+)(Ki|Mi|k|M)?$') as part);
comment on function koyomi.bytes_of is 'A Kubernetes quantity of bytes, as far as the definition of a batch may have one; null for another text.';

create function koyomi.priority_of(p_name text) returns smallint
  language sql immutable
  return case p_name when 'High' then 0 when 'Normal' then 1 when 'Low' then 2 end;

create function koyomi.lane_of(p_key text, p_lanes int) returns int
  language sql immutable
  return (('x' || left(md5(p_key), 8))::bit(32)::bigint % p_lanes)::int;
comment on function koyomi.lane_of is 'The lane of a key. Computed here and nowhere else, so that all agree.';

create or replace function koyomi.register(p_batch text, p_incarnation text, p_generation bigint, p_suspended boolean, p_definition jsonb) returns boolean
  language plpgsql as $$
declare
  v_batch koyomi.batch;
  v_same boolean;
  v_resumed boolean;
  v_spec jsonb := p_definition -> 'spec';
  v_schedules jsonb := coalesce(v_spec -> 'schedules', '[]');
  v_mode text := coalesce(v_spec #>> '{job,order,mode}', 'Unordered');
  v_lanes int;
  v_left bigint;
  v_run bigint;
  v_rate text[] := regexp_match(v_spec #>> '{job,limits,rate}', '^([0-9]+)/([smh])$');
begin
  v_lanes := case v_mode when 'Unordered' then 0 when 'Fifo' then 1 else coalesce((v_spec #>> '{job,order,lanes}')::int, 256) end;
  insert into koyomi.batch (name, incarnation, generation, suspended, definition, registered_at, mode, lanes)
    values (p_batch, p_incarnation, p_generation, p_suspended, '{}', koyomi.now(), v_mode, v_lanes)
    on conflict (name) do nothing;
  select * into v_batch from koyomi.batch where name = p_batch;
  if v_batch.incarnation = p_incarnation and v_batch.generation = p_generation and v_batch.suspended = p_suspended
     and v_batch.definition = p_definition
     and (select count(*) from koyomi.entry e where e.batch_id = v_batch.id) = jsonb_array_length(v_schedules) then
    return true;  -- nothing new: no lock, no write
  end if;
  -- Not FOR UPDATE: an enqueuer's open transaction refers to this row.
  select * into v_batch from koyomi.batch where name = p_batch for no key update;
  v_same := v_batch.incarnation = p_incarnation;
  if v_same and p_generation < v_batch.generation then
    return false;
  end if;
  if (v_batch.mode, v_batch.lanes) is distinct from (v_mode, v_lanes) then
    -- Nobody adds jobs to this batch meanwhile: all who do hold one of these two.
    perform pg_advisory_xact_lock(hashtext('koyomi.lanes'), v_batch.id);
    perform pg_advisory_xact_lock(hashtext('koyomi.order'), v_batch.id);
    select coalesce((select sum(s.stop - s.position) from koyomi.slice s where s.batch_id = v_batch.id), 0)
         + coalesce((select sum(cardinality(i.ids)) from koyomi.inbox i where i.batch_id = v_batch.id), 0)
         + (select count(*) from koyomi.failure f join koyomi.run r on r.id = f.run_id where r.batch_id = v_batch.id and not f.cut) into v_left;
    if v_left > 0 then
      raise exception 'spec.job.order: the order can only change while the batch is empty, and % of its jobs are unfinished; let them end, or clear them', v_left
        using errcode = 'KY006';
    end if;
    select min(r.id) into v_run from koyomi.run r where r.batch_id = v_batch.id and r.state = 'Selecting';
    if v_run is not null then
      raise exception 'spec.job.order: the order can only change while the batch is empty, and run % is selecting; let its jobs end, or cancel it', v_run
        using errcode = 'KY006';
    end if;
    delete from koyomi.lane l where l.batch_id = v_batch.id;
  end if;
  v_resumed := v_batch.suspended and not p_suspended;
  update koyomi.batch
    set incarnation = p_incarnation, generation = p_generation, suspended = p_suspended, definition = p_definition, registered_at = koyomi.now(),
        mode = v_mode, lanes = v_lanes,
        on_dead = coalesce(v_spec #>> '{job,order,onDead}', 'Continue'),
        priority = coalesce(koyomi.priority_of(v_spec #>> '{job,priority}'), 1),
        max_concurrent = (v_spec #>> '{job,limits,concurrency}')::int,
        rate_jobs = v_rate[1]::int,
        rate_per = case v_rate[2] when 's' then interval '1 second' when 'm' then interval '1 minute' when 'h' then interval '1 hour' end,
        max_payload = coalesce(koyomi.bytes_of(v_spec #>> '{job,maxPayload}'), 262144),
        commit_jobs = case v_spec #>> '{unit,commit,mode}' when 'Many' then coalesce((v_spec #>> '{unit,commit,jobs}')::int, 50) when 'Chunk' then 500 else 1 end,
        on_lost = coalesce((v_spec #>> '{job,retry,onLost}')::int, 3),
        keep_days = coalesce((v_spec #>> '{history,days}')::int, 90),
        time_zone = coalesce(v_spec ->> 'timeZone', 'UTC')
    where id = v_batch.id;
  -- What was spent still counts, but its buckets say nothing of another period.
  delete from koyomi.rate r using koyomi.batch b
    where r.batch_id = v_batch.id and b.id = r.batch_id and b.rate_per is distinct from v_batch.rate_per;
  delete from koyomi.entry e where e.batch_id = v_batch.id and not exists (
    select from jsonb_array_elements(v_schedules) s where s ->> 'name' = e.name);
  insert into koyomi.entry as e (batch_id, name, cron, time_zone, watermark)
    select v_batch.id, s ->> 'name', s ->> 'cron', coalesce(v_spec ->> 'timeZone', 'UTC'), koyomi.now()
    from jsonb_array_elements(v_schedules) s
    on conflict (batch_id, name) do update
      set cron = excluded.cron, time_zone = excluded.time_zone, watermark = excluded.watermark
      where not v_same or v_resumed or (e.cron, e.time_zone) is distinct from (excluded.cron, excluded.time_zone);
  perform koyomi.retire_old_workers(v_batch.id);
  perform koyomi.wake(v_batch.id);
  return true;
end $$;

create function koyomi.wake(p_batch int) returns void
  language plpgsql as $$
begin
  -- A notification takes a lock at commit that all who notify share: only where somebody sleeps.
  if exists (select from koyomi.worker w where w.batch_id = p_batch and w.idle > 0 and w.stopped_at is null and w.lost_at is null) then
    perform pg_notify('koyomi_' || p_batch, '');
  end if;
end $$;
comment on function koyomi.wake is 'Tells idle workers of a batch to look, when this transaction commits. One that falls asleep at the same moment finds out by its next poll.';

-- Workers ------------------------------------------------------------------------------------------------------

create function koyomi.needs_newer_worker(p_batch int) returns text
  language sql stable as $$
  select case when b.mode <> 'Unordered' then 'spec.job.order'
              when b.max_concurrent is not null or b.rate_jobs is not null then 'spec.job.limits'
              when b.commit_jobs > 1 then 'spec.unit.commit'
              when b.paused_at is not null then 'a pause'
              when exists (select from koyomi.run r join koyomi.chunk c on c.run_id = r.id
                           where r.batch_id = b.id and r.state in ('Selecting', 'Running') and c.vals is not null) then 'its payloads'
         end
  from koyomi.batch b where b.id = p_batch
$$;
comment on function koyomi.needs_newer_worker is 'What a worker of release 0.1.0 would not know of this batch; null: nothing.';

create function koyomi.alone_with_old_workers(p_batch int) returns void
  language sql as $$ select pg_advisory_xact_lock(hashtext('koyomi.old'), p_batch) $$;
comment on function koyomi.alone_with_old_workers is 'Until the end of the transaction no worker of release 0.1.0 joins this batch, or none is retired: nobody joins unseen.';

create or replace function koyomi.join_as(p_pod text, p_kind text, p_batch int) returns bigint
  language plpgsql as $$
declare
  v_what text;
  v_worker bigint;
begin
  perform koyomi.alone_with_old_workers(p_batch);
  -- The payloads, the Units and the pace are a worker's affair; the order is a trigger's too.
  select case p_kind when 'Worker' then koyomi.needs_newer_worker(b.id) else case when b.mode <> 'Unordered' then 'spec.job.order' end end
    into v_what from koyomi.batch b where b.id = p_batch;
  if v_what is not null then
    raise exception 'this % is of release 0.1.0, which does not know % of batch %: use a newer image', lower(p_kind), v_what,
      (select name from koyomi.batch where id = p_batch) using errcode = 'KY008';
  end if;
  insert into koyomi.worker (pod, kind, batch_id, beat_seen, started_at)
    select p_pod, p_kind, p_batch, m.beat, koyomi.now() from koyomi.meta m
    returning id into v_worker;
  return v_worker;
end $$;
comment on function koyomi.join_as(text, text, int) is 'For release 0.1.0.';

create function koyomi.retire_old_workers(p_batch int) returns void
  language sql as $$
  select koyomi.alone_with_old_workers(p_batch);
  update koyomi.worker set stopped_at = koyomi.now()
    where batch_id = p_batch and release = 1 and kind = 'Worker' and stopped_at is null and lost_at is null
      and koyomi.needs_newer_worker(p_batch) is not null
$$;
comment on function koyomi.retire_old_workers is 'A worker of release 0.1.0 joins anew when its row ends: join_as refuses it for as long as it does not know what the batch needs.';

create function koyomi.join_as(p_pod text, p_kind text, p_batch int, p_release int) returns bigint
  language sql as $$
  insert into koyomi.worker (pod, kind, batch_id, beat_seen, started_at, release)
    select p_pod, p_kind, p_batch, m.beat, koyomi.now(), p_release from koyomi.meta m
    returning id
$$;

create function koyomi.heartbeat(p_worker bigint, p_idle int, p_hindered text) returns boolean
  language sql as $$
  update koyomi.worker set beat_seen = m.beat, idle = p_idle, hindered = p_hindered from koyomi.meta m
    where id = p_worker and stopped_at is null and lost_at is null
    returning true
$$;
comment on function koyomi.heartbeat(bigint, int, text) is 'Null: the worker was declared lost and must join again before it may lease.';

create function koyomi.drain(p_worker bigint) returns void
  language sql as $$
  update koyomi.worker set draining_at = koyomi.now() where id = p_worker and draining_at is null
$$;
comment on function koyomi.drain is 'The worker leases no more; should it be killed before it is done, no job is to blame.';

create function koyomi.claim_installation(p_installation text) returns text
  language plpgsql as $$
declare
  v_installation text;
begin
  select installation into v_installation from koyomi.meta;
  if v_installation is null then
    update koyomi.meta set installation = p_installation where installation is null;
    select installation into v_installation from koyomi.meta;
  end if;
  return v_installation;
end $$;
comment on function koyomi.claim_installation is 'Who this schema belongs to: the first who asked, or who adopted it since.';

create function koyomi.adopt_installation(p_installation text) returns text
  language plpgsql as $$
declare
  v_before text;
begin
  select installation into v_before from koyomi.meta for update;
  update koyomi.meta set installation = p_installation where installation is distinct from p_installation;
  return v_before;
end $$;
comment on function koyomi.adopt_installation is 'Moves the schema to an installation, whoever it belonged to; returns who that was.';

create function koyomi.pause(p_batch int, p_by text, p_why text) returns boolean
  language plpgsql as $$
begin
  update koyomi.batch set paused_at = koyomi.now(), paused_by = p_by, paused_why = p_why where id = p_batch and paused_at is null;
  if not found then
    return false;
  end if;
  perform koyomi.retire_old_workers(p_batch);
  perform pg_notify('koyomi_' || p_batch, 'look');
  return true;
end $$;
comment on function koyomi.pause is 'From here on nothing of this batch is leased; what runs is given back after the job at hand. False: it was paused before.';

create function koyomi.resume(p_batch int) returns boolean
  language plpgsql as $$
begin
  update koyomi.batch set paused_at = null, paused_by = null, paused_why = null where id = p_batch and paused_at is not null;
  if not found then
    return false;
  end if;
  perform koyomi.wake(p_batch);
  return true;
end $$;
