-- Noticed as: dispatched runs that lack a target (2)
-- A selection leaves a target out.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  new.keys := new.keys[2:];
  new.vals := new.vals[:][2:];
  new.size := new.size - 1;
  return new;
end $$;
create trigger sabotage before insert on koyomi.chunk for each row when (new.size > 1 and new.ids is null) execute function koyomi.sabotage();
