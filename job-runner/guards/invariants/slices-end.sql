-- Noticed as: slices left
-- What a lost worker held is not freed.
create or replace function koyomi.free(p_slice koyomi.slice, p_crashed boolean) returns void
  language sql begin atomic end;
