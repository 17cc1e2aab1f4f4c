-- Selections: what a trigger wrote becomes visible, all of it or nothing.

create or replace function koyomi.dispatch(p_run bigint, p_token bigint, p_selected bigint, p_duplicates bigint, p_fail_when_empty boolean) returns void
  language plpgsql as $$
declare
  v_run koyomi.run;
  v_batch koyomi.batch;
  v_size int;
  v_last bigint;
  v_again text[];
begin
  -- Runs are locked in the order of their numbers, here as in clear() and cancel_jobs(): in an ordered batch fill_lanes() takes that of the day below.
  perform from koyomi.run d join koyomi.batch b on b.id = d.batch_id
    where d.batch_id = (select r.batch_id from koyomi.run r where r.id = p_run) and b.lanes > 0
      and d.id < p_run and d.state = 'Running' and d.open_until > koyomi.now()
    order by d.id for share of d;
  select * into v_run from koyomi.run where id = p_run and state = 'Selecting' and selector_token = p_token for no key update;
  if not found then
    raise exception 'the selection of run % was taken over or cancelled', p_run using errcode = 'KY003';
  end if;
  select * into v_batch from koyomi.batch where id = v_run.batch_id;
  if v_batch.lanes > 0 then
    if exists (select from koyomi.chunk c where c.run_id = p_run and c.selector_token = p_token and c.lane is null) then
      raise exception 'batch % is ordered by now, and this trigger has selected without an order: fire again with the present definition', v_batch.name using errcode = 'KY008';
    end if;
    -- Places in the lanes are given in the order of the commits. What was enqueued before goes first.
    perform pg_advisory_xact_lock(hashtext('koyomi.lanes'), v_batch.id);
  end if;
  -- Retried later, they would be done a second time. Behind the lock of the lanes: some may stop one.
  if exists (select from koyomi.dead d where d.run_id = p_run and d.discarded_at is null) then
    select array_agg(distinct d.key) into v_again from koyomi.dead d
      where d.run_id = p_run and d.discarded_at is null
        and d.key in (select unnest(c.keys) from koyomi.chunk c where c.run_id = p_run and c.selector_token = p_token);
    if v_again is not null then
      perform koyomi.discard_dead(p_run, v_again, null, 'koyomi', 'selected again');
    end if;
  end if;
  if v_batch.lanes > 0 then
    select max(i.id) into v_last from koyomi.inbox i where i.batch_id = v_batch.id;
    while exists (select from koyomi.inbox i where i.batch_id = v_batch.id and i.id <= v_last and i.due_at <= koyomi.now()) loop
      perform koyomi.fill_lanes(v_batch.id);
    end loop;
    insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at, lane)
      select v_run.batch_id, p_run, c.id, c.size, koyomi.now(), c.lane
      from koyomi.chunk c where c.run_id = p_run and c.selector_token = p_token order by c.id;
    perform koyomi.ready_lanes(v_batch.id, (select array_agg(distinct c.lane) from koyomi.chunk c where c.run_id = p_run and c.selector_token = p_token));
  else
    v_size := koyomi.slice_size(v_batch.id);
    insert into koyomi.slice (batch_id, run_id, chunk_id, started, position, stop, due_at, priority)
      select v_run.batch_id, p_run, c.id, at, at, least(at + v_size, c.size), koyomi.now(), v_batch.priority
      from koyomi.chunk c cross join lateral generate_series(0, c.size - 1, v_size) as at
      where c.run_id = p_run and c.selector_token = p_token
      order by c.id, at;
  end if;
  -- Of a run that selects a second time, what it selected before counts on.
  update koyomi.run
    set state = case when p_selected > 0 or selected > 0 then 'Running' when p_fail_when_empty then 'Failed' else 'Succeeded' end,
        reason = case when p_selected = 0 and coalesce(selected, 0) = 0 then 'NoTargets' end,
        message = case when p_selected = 0 and coalesce(selected, 0) = 0 then 'the trigger selected no target' end,
        selector_token = null, selector_id = null, was_cancelled = null,
        selected = coalesce(selected, 0) + p_selected, duplicates = coalesce(duplicates, 0) + p_duplicates,
        dispatched_at = coalesce(dispatched_at, koyomi.now()),
        ended_at = case when p_selected = 0 and coalesce(selected, 0) = 0 then koyomi.now() end
    where id = p_run;
  perform koyomi.retire_old_workers(v_batch.id);
  perform koyomi.wake(v_batch.id);
end $$;

create or replace function koyomi.fail_selection(p_run bigint, p_token bigint, p_reason text, p_message text) returns boolean
  language plpgsql as $$
begin
  update koyomi.run r
    set state = after.state,
        reason = case after.state when 'Cancelled' then 'Cancelled' when 'Failed' then p_reason end,
        message = concat_ws('; selected again: ', nullif(r.was_cancelled, ''), p_message),
        selector_token = null, selector_id = null, abandoned = r.abandoned || p_token,
        ended_at = case when after.state <> 'Running' then koyomi.now() end
    from (select id, case when was_cancelled is not null then 'Cancelled' when coalesce(selected, 0) = 0 then 'Failed' else 'Running' end as state
            from koyomi.run where id = p_run and state = 'Selecting' and selector_token = p_token for no key update) as after
    where r.id = after.id;
  if not found then
    return false;
  end if;
  perform koyomi.finish(p_run);
  -- A run that has nothing left is closed by that, with a message of its own or none.
  update koyomi.run set message = p_message where id = p_run and message is null;
  return true;
end $$;
comment on function koyomi.fail_selection is 'Ends the selection; a run that had selected before goes on with what it has, and one that was cancelled is cancelled again. What was written is deleted later, by prune(): it may be gigabytes.';

create function koyomi.select_again(p_run bigint, p_selector bigint, p_token bigint, p_revision text, p_timeout interval) returns boolean
  language plpgsql as $$
declare
  v_run koyomi.run;
begin
  select * into v_run from koyomi.run where id = p_run for no key update;
  if v_run.open_until is not null then
    raise exception 'run % is that of the jobs enqueued on %: there is no trigger that could select them again', p_run, v_run.logical_date using errcode = 'KY004';
  end if;
  if v_run.state = 'Selecting'
     and exists (select from koyomi.worker w where w.id = v_run.selector_id and w.stopped_at is null and w.lost_at is null) then
    raise exception 'run % is being selected at this moment', p_run using errcode = 'KY004';
  end if;
  if v_run.pruned_at is not null then
    -- A target whose chunk is gone would be taken for one that was never selected.
    raise exception 'run % ended longer ago than spec.history.days and is being deleted: what it did is not known any more, and nothing can be selected for it', p_run using errcode = 'KY004';
  end if;
  begin
    update koyomi.run
      set state = 'Selecting', reason = null, message = null, ended_at = null, kept_at = null, attempt = attempt + 1, revision = p_revision,
          was_cancelled = case v_run.state when 'Cancelled' then coalesce(v_run.message, '') when 'Selecting' then v_run.was_cancelled end,
          abandoned = case when v_run.state = 'Selecting' then abandoned || v_run.selector_token else abandoned end,
          selector_token = p_token, selector_id = p_selector, select_timeout = p_timeout, selecting_since = koyomi.now()
      where id = p_run;
  exception when unique_violation then
    raise exception 'another run of this batch is open: select for run % again when it is over', p_run using errcode = 'KY004';
  end;
  return true;
end $$;
comment on function koyomi.select_again is 'Opens a run for one more selection, or takes that of a process over that is gone, at a person''s request; dispatch() adds to what the run has.';

create function koyomi.keep_selected() returns trigger
  language plpgsql as $$
begin
  if exists (select from koyomi.worker w where w.id = new.selector_id and w.release = 1) then
    raise exception 'this trigger is of release 0.1.0, which would delete what run % selected before: use a newer image', old.id using errcode = 'KY008';
  end if;
  return new;
end $$;
create trigger run_selects_again before update of selector_token on koyomi.run
  for each row when (old.state = 'Selecting' and new.state = 'Selecting' and old.selected is not null) execute function koyomi.keep_selected();
comment on trigger run_selects_again on koyomi.run is 'A selection that is taken over loses its chunks: those of earlier selections, too, where release 0.1.0 takes over.';

create function koyomi.settled_keys(p_run bigint) returns table (key text)
  language sql stable as $$
  -- All keys of the run but those of jobs that ended without success and wait for nothing.
  with unworked as (
    select w.chunk_id, unnest(coalesce(w.ordinals, array(select generate_series(w.first, w.stop - 1)))) as ordinal
      from koyomi.work w where w.run_id = p_run and w.kind in ('Cancelled', 'Expired') and w.chunk_id is not null),
  gone as (
    select chunk_id, ordinal from unworked
    union select d.chunk_id, d.ordinal from koyomi.dead d where d.run_id = p_run)
  select k.key from koyomi.chunk c cross join lateral unnest(c.keys) with ordinality as k(key, n)
    where c.run_id = p_run
      and c.selector_token not in (select unnest(coalesce(r.selector_token, 0) || r.abandoned) from koyomi.run r where r.id = p_run)
      and not exists (select from gone g where g.chunk_id = c.id and g.ordinal = k.n - 1)
$$;
comment on function koyomi.settled_keys is 'Targets of a run that succeeded, found nothing to do, or are still queued: what a redispatch leaves out.';
