-- Noticed as: ended runs whose numbers do not add up (4)
-- The piece that was worked is not written down.
create or replace function koyomi.log_work(p_slice koyomi.slice) returns void
  language sql begin atomic end;
