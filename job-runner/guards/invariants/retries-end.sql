-- Noticed as: uncut failures
-- A job that is dead is written down as one that will be tried again.
alter table koyomi.failure drop constraint failure_check;
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  new.cut := new.cut and new.retry_at is not null;
  return new;
end $$;
create trigger sabotage before insert on koyomi.failure for each row execute function koyomi.sabotage();
