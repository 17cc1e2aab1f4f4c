-- 10,000 subscriptions, 9,700 of them active. May be applied again: what is there stays.

insert into currency (code) values ('JPY'), ('EUR') on conflict do nothing;

-- Three active ones cannot be billed: one has no price, one a negative price, one a currency that
-- nobody knows.
insert into subscription (id, status, monthly_fee, currency)
select id,
       case when id % 100 < 97 then 'active' when id % 100 = 97 then 'paused' else 'cancelled' end,
       case id when 2026 then null when 4711 then -500 else 980 + 100 * (id % 30) end,
       case when id = 8080 then 'XXX' when id % 10 = 0 then 'EUR' else 'JPY' end
from generate_series(1, 10000) as id
on conflict do nothing;
