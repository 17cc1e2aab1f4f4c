-- Noticed as: jobs left in the inbox
-- Every hundredth enqueued job is for no priority that anybody looks for.
create function koyomi.sabotage() returns trigger language plpgsql as $$
begin
  new.priority := case when random() < 0.01 then 99 else new.priority end;
  return new;
end $$;
create trigger sabotage before insert on koyomi.inbox for each row execute function koyomi.sabotage();
