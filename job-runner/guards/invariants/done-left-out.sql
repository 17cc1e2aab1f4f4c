-- Noticed as: targets that a run has done twice (3)
-- A refresh takes what the run has done for what is still to be done.
create or replace function koyomi.settled_keys(p_run bigint) returns table (key text)
  language sql stable as $$
  select k.key from koyomi.slice s join koyomi.chunk c on c.id = s.chunk_id cross join lateral unnest(c.keys) as k(key) where s.run_id = p_run
$$;
