-- Noticed as: times that are not the database's (7)
-- A piece of work is written down at the time of a worker whose clock is ahead.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  new.ended_at := new.ended_at + interval '1 hour';
  return new;
end $$;
create trigger sabotage before insert on koyomi.work for each row when (new.succeeded > 0) execute function koyomi.sabotage();
