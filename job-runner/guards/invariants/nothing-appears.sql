-- Noticed as: jobs whose enqueueing was rolled back
-- A job comes that nobody asked for.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  new.ids[1] := new.ids[1] + 1000000000;
  return new;
end $$;
create trigger sabotage before insert on koyomi.chunk for each row when (new.ids is not null) execute function koyomi.sabotage();
