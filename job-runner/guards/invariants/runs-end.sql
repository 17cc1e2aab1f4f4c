-- Noticed as: runs that did not end
-- Nobody closes a run.
create or replace function koyomi.close_run(p_run bigint) returns boolean
  language sql return false;
