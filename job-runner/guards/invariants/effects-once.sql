-- Noticed as: keys whose effects are not their successes (3, 6)
-- The fence lets everybody pass.
do $$
begin
  execute replace(pg_get_functiondef('koyomi.advance(bigint, bigint, int, int, int[])'::regprocedure), 'lease = p_lease and position = p_position', 'true');
  execute replace(pg_get_functiondef('koyomi.step_text()'::regprocedure), '= koyomi_lease', 'is not null');
end $$;
