-- 1,000 sellers, 900 of them with money that is to be paid out. May be applied again: what is there
-- stays.

insert into account (id, seller, balance)
select id, 'seller ' || id, case when id % 10 = 0 then 0 else 100 + id % 37 end
from generate_series(1, 1000) as id
on conflict do nothing;
