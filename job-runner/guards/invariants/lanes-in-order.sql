-- Noticed as: jobs that began before one ahead of them in their lane had ended (5)
-- A job that is to be tried again lets those behind it pass.
do $$
begin
  execute replace(pg_get_functiondef('koyomi.record_failure(koyomi.slice, text, text, text, interval)'::regprocedure), 'p_slice.lane is not null', 'false');
end $$;
