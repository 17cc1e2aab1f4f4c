-- Noticed as: enqueued jobs that are not there once
-- Every hundredth enqueued job is lost after its number was given.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  if random() < 0.01 then
    delete from koyomi.inbox where id = new.id;
  end if;
  return null;
end $$;
create trigger sabotage after insert on koyomi.inbox for each row execute function koyomi.sabotage();
