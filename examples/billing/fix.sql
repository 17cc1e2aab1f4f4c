-- What a person mends after reading why the three jobs failed.

update subscription set monthly_fee = 1980 where id = 2026;
update subscription set monthly_fee = 500 where id = 4711;
update subscription set currency = 'JPY' where id = 8080;
