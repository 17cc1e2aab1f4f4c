-- Enqueueing from anywhere, inside the caller's own transaction.

create function koyomi.enqueue_all(
    batch text, jobs jsonb,
    run_at timestamptz default null, expires_at timestamptz default null, priority text default null,
    unique_while text default null, unique_for interval default null) returns bigint[]
  language plpgsql as $$
#variable_conflict use_column
declare
  v_batch koyomi.batch;
  v_keys text[];
  v_payloads jsonb[];
  v_sizes int[];
  v_ids bigint[];
  v_wrong int;
  v_near text;
begin
  select * into v_batch from koyomi.batch b where b.name = enqueue_all.batch;
  if not found then
    select b.name into v_near from koyomi.batch b where split_part(b.name, '/', 2) = split_part(enqueue_all.batch, '/', 2) or split_part(b.name, '/', 2) = enqueue_all.batch
      order by b.name limit 1;
    raise exception 'the batch "%" is not registered here%', left(enqueue_all.batch, 200), coalesce('; did you mean "' || v_near || '"?', ': name it as namespace/name, and apply its manifest first')
      using errcode = 'KY010';
  end if;
  if enqueue_all.jobs is null or jsonb_typeof(enqueue_all.jobs) <> 'array' then
    raise exception 'jobs is no JSON array: write [{"key": "42", "payload": {…}}, …]' using errcode = 'KY011';
  end if;
  select array_agg(j.job ->> 'key' order by j.n), array_agg(coalesce(j.job -> 'payload', '{}') order by j.n),
         min(j.n) filter (where jsonb_typeof(j.job) <> 'object' or coalesce(jsonb_typeof(j.job -> 'key'), '') not in ('string', 'number') or j.job ->> 'key' = '' or jsonb_typeof(coalesce(j.job -> 'payload', '{}')) <> 'object')
    into v_keys, v_payloads, v_wrong
    from jsonb_array_elements(enqueue_all.jobs) with ordinality as j(job, n);
  if v_wrong is not null then
    raise exception 'job %: every job is an object with a "key" that is not empty and, where it has one, a "payload" that is an object; this one is %',
      v_wrong, left((enqueue_all.jobs -> (v_wrong - 1))::text, 200) using errcode = 'KY011';
  end if;
  select min(j.n) into v_wrong
    from jsonb_array_elements(enqueue_all.jobs) with ordinality as j(job, n) cross join lateral jsonb_object_keys(j.job) as name
    where name not in ('key', 'payload');
  if v_wrong is not null then
    raise exception 'job %: a job is an object with "key" and "payload" and nothing else, and this one is %; run_at, expires_at, priority and uniqueness are arguments of the function, for all of its jobs',
      v_wrong, left((enqueue_all.jobs -> (v_wrong - 1))::text, 200) using errcode = 'KY011';
  end if;
  return koyomi.enqueue_checked(v_batch, v_keys, v_payloads, enqueue_all.run_at, enqueue_all.expires_at, enqueue_all.priority,
                                enqueue_all.unique_while, enqueue_all.unique_for);
end $$;
comment on function koyomi.enqueue_all is 'Enqueues many jobs, [{"key": …, "payload": {…}}, …], in the caller''s transaction; returns their numbers in the same order, null for a job whose key is enqueued already. See enqueue.';

create function koyomi.enqueue(
    batch text, key text, payload jsonb default '{}',
    run_at timestamptz default null, expires_at timestamptz default null, priority text default null,
    unique_while text default null, unique_for interval default null) returns bigint
  language plpgsql as $$
#variable_conflict use_column
declare
  v_batch int;
  v_priority smallint;
  v_lanes int;
  v_largest int;
  v_bytes int := octet_length(payload::text);
  v_job bigint;
begin
  select b.id, b.priority, b.lanes, b.max_payload into v_batch, v_priority, v_lanes, v_largest from koyomi.batch b where b.name = enqueue.batch;
  if v_lanes = 0 and enqueue.key <> '' and octet_length(enqueue.key) <= 1000 and (run_at is null or isfinite(run_at)) and jsonb_typeof(enqueue.payload) = 'object' and v_bytes <= v_largest
     and (enqueue.priority is null or koyomi.priority_of(enqueue.priority) is not null)
     and unique_while is null and unique_for is null and (enqueue.expires_at is null or run_at is null and enqueue.expires_at > koyomi.now()) then
    -- The usual job, the short way.
    insert into koyomi.inbox (id, batch_id, priority, due_at, expires_at, uniq, ids, keys, jobs, bytes, enqueued_at)
      values (nextval('koyomi.job_id'), v_batch, coalesce(koyomi.priority_of(enqueue.priority), v_priority), coalesce(run_at, koyomi.now()), enqueue.expires_at,
              false, array[currval('koyomi.job_id')], array[enqueue.key], jsonb_build_array(enqueue.payload), v_bytes, koyomi.now())
      returning id into v_job;
    perform koyomi.wake(v_batch);
    return v_job;
  end if;
  -- Everything else, and what is wrong.
  return (koyomi.enqueue_all(enqueue.batch, jsonb_build_array(jsonb_build_object('key', enqueue.key, 'payload', coalesce(enqueue.payload, 'null'))),
                             run_at, enqueue.expires_at, enqueue.priority, unique_while, unique_for))[1];
end $$;
comment on function koyomi.enqueue is 'Enqueues one job in the caller''s transaction and returns its number; null when its key is enqueued already and uniqueness was asked for: nothing is locked then, and that job may begin before this transaction commits. batch: namespace/name. run_at: not before. expires_at: not begun after. priority: High, Normal or Low. unique_while: Waiting (until a worker takes it) or Unfinished (until it has ended); unique_for: a period from now.';

create function koyomi.enqueue_checked(
    p_batch koyomi.batch, p_keys text[], p_payloads jsonb[],
    p_run_at timestamptz, p_expires_at timestamptz, p_priority text, p_unique_while text, p_unique_for interval) returns bigint[]
  language plpgsql as $$
declare
  v_jobs int := coalesce(cardinality(p_keys), 0);
  v_priority smallint := coalesce(koyomi.priority_of(p_priority), p_batch.priority);
  v_scope text := case when p_unique_for is not null then 'Period' else p_unique_while end;
  v_large int;
  v_long int;
  v_taken boolean[];
  v_key text;
  v_n int;
  v_ids bigint[];
begin
  if v_jobs = 0 then
    return '{}';
  end if;
  if p_priority is not null and koyomi.priority_of(p_priority) is null then
    raise exception 'priority "%" is none of High, Normal and Low', left(p_priority, 100) using errcode = 'KY011';
  end if;
  if p_unique_while is not null and p_unique_while not in ('Waiting', 'Unfinished') then
    raise exception 'unique_while "%" is neither Waiting nor Unfinished', left(p_unique_while, 100) using errcode = 'KY011';
  end if;
  if p_unique_while is not null and p_unique_for is not null then
    raise exception 'unique_while and unique_for exclude each other: leave one of them out' using errcode = 'KY011';
  end if;
  if not isfinite(p_run_at) then
    raise exception 'run_at is %: name a point in time, or leave it out', p_run_at using errcode = 'KY011';
  end if;
  if p_unique_for is not null and (p_unique_for <= interval '0' or p_unique_for > interval '100 years') then
    raise exception 'unique_for is %: write a period such as 10 minutes, at most 100 years', p_unique_for using errcode = 'KY011';
  end if;
  select min(n) into v_long from unnest(p_keys) with ordinality as k(key, n) where octet_length(key) > 1000;
  if v_long is not null then
    raise exception 'job %: its key "%…" has % bytes, and a key may have 1000: shorten it', v_long, left(p_keys[v_long], 100), octet_length(p_keys[v_long]) using errcode = 'KY011';
  end if;
  if p_batch.lanes > 0 and (p_run_at is not null or p_expires_at is not null or p_priority is not null) then
    raise exception 'batch "%" is ordered (spec.job.order.mode: %): a job of it has its place, so leave out run_at, expires_at and priority', p_batch.name, p_batch.mode
      using errcode = 'KY011';
  end if;
  if p_expires_at <= greatest(p_run_at, koyomi.now()) then
    raise exception 'expires_at % is not later than %: the job would never begin', p_expires_at,
      case when p_run_at > koyomi.now() then 'run_at ' || p_run_at else 'now' end using errcode = 'KY011';
  end if;
  select min(n) into v_large from unnest(p_payloads) with ordinality as p(payload, n)
    where octet_length(payload::text) > p_batch.max_payload;
  if v_large is not null then
    raise exception 'job %, key "%": its payload has % bytes, more than spec.job.maxPayload = % bytes: enqueue a reference to the data, or raise the limit',
      v_large, left(p_keys[v_large], 100), octet_length(p_payloads[v_large]::text), p_batch.max_payload using errcode = 'KY012';
  end if;
  if p_batch.lanes > 0 then
    -- Numbers in the order of the commits: who has one holds this until the end of the transaction.
    -- Before the keys, so that two who enqueue the same ones cannot wait for each other.
    perform pg_advisory_xact_lock(hashtext('koyomi.order'), p_batch.id);
  end if;
  if v_scope is not null then
    -- One key after the other, in their order: what each waits for is another transaction that enqueues the same key, so that the answer is right.
    -- A key that is taken is not locked (ON CONFLICT DO UPDATE would): its job's worker would wait for this transaction.
    v_taken := array_fill(false, array[v_jobs]);
    for v_key, v_n in select key, min(n) from unnest(p_keys) with ordinality as k(key, n) group by key order by key loop
      update koyomi.unique_job u set job_id = 0, scope = v_scope, until = koyomi.now() + p_unique_for
        where u.batch_id = p_batch.id and u.key = v_key and u.until <= koyomi.now();
      if not found then
        insert into koyomi.unique_job (batch_id, key, job_id, scope, until)
          values (p_batch.id, v_key, 0, v_scope, koyomi.now() + p_unique_for)
          on conflict do nothing;
      end if;
      v_taken[v_n] := found;
    end loop;
  else
    v_taken := array_fill(true, array[v_jobs]);
  end if;
  if not true = any (v_taken) then
    return array_fill(null::bigint, array[v_jobs]);
  end if;
  if v_jobs = 1 then
    v_ids := array[nextval('koyomi.job_id')];
    insert into koyomi.inbox (id, batch_id, priority, due_at, expires_at, uniq, ids, keys, jobs, bytes, enqueued_at)
      values (v_ids[1], p_batch.id, v_priority, coalesce(p_run_at, koyomi.now()), p_expires_at, v_scope is not null, v_ids, p_keys,
              jsonb_build_array(p_payloads[1]), octet_length(p_payloads[1]::text), koyomi.now());
  else
    select array_agg(case when v_taken[n] then nextval('koyomi.job_id') end order by n) into v_ids from generate_series(1, v_jobs) as n;
    insert into koyomi.inbox (id, batch_id, priority, due_at, expires_at, uniq, ids, keys, jobs, bytes, enqueued_at)
      select min(id), p_batch.id, v_priority, coalesce(p_run_at, koyomi.now()), p_expires_at, v_scope is not null,
             array_agg(id order by id), array_agg(key order by id), jsonb_agg(payload order by id), sum(bytes), koyomi.now()
      from (select id, key, payload, bytes, sum(bytes) over (order by id) / 1000000 + (row_number() over (order by id) - 1) / 500 as place
            from (select id, key, payload, octet_length(payload::text) as bytes from unnest(v_ids, p_keys, p_payloads) as j(id, key, payload) where id is not null) as j) as j
      group by place order by place;
  end if;
  if v_scope is not null then
    update koyomi.unique_job u set job_id = j.id
      from unnest(v_ids, p_keys) as j(id, key)
      where j.id is not null and u.batch_id = p_batch.id and u.key = j.key;
  end if;
  perform koyomi.wake(p_batch.id);
  return v_ids;
end $$;
