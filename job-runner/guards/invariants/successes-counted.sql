-- Noticed as: runs whose successes are not their jobs' (4)
-- A success is written down as skipped.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  new.succeeded := new.succeeded - 1;
  new.skipped := new.skipped + 1;
  return new;
end $$;
create trigger sabotage before insert on koyomi.work for each row when (new.succeeded > 0) execute function koyomi.sabotage();
