-- Noticed as: keys that nobody holds any more
-- The end of a job frees no key.
create or replace function koyomi.free_keys(p_batch int, p_keys text[], p_ids bigint[], p_ended boolean[]) returns void
  language sql begin atomic end;
