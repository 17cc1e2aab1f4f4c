-- Noticed as: targets that one selection has twice
-- A target is selected once more.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  new.keys[2] := new.keys[1];
  return new;
end $$;
create trigger sabotage before insert on koyomi.chunk for each row when (new.size > 1 and new.ids is null) execute function koyomi.sabotage();
