-- Noticed as: writes to an idle queue (8)
-- Each sweep writes though there is nothing to do.
alter function koyomi.sweep() rename to sweep_itself;
create function koyomi.sweep() returns void language plpgsql as $$
begin
  perform koyomi.sweep_itself();
  update koyomi.batch set priority = priority;
end $$;
