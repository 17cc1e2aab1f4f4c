-- Noticed as: enqueued jobs that are not there once
-- Every hundredth enqueued job is lost.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  return case when random() < 0.01 then null else new end;
end $$;
create trigger sabotage before insert on koyomi.inbox for each row execute function koyomi.sabotage();
