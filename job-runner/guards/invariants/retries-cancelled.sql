-- Noticed as: uncut failures
-- The retries of a cancelled run are left.
create or replace function koyomi.cancel_retries(p_run bigint, p_keys text[], p_ids bigint[]) returns int
  language sql return 0;
