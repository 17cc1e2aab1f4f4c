-- What the shop does when orders come in: its own rows and the jobs, in one transaction.

insert into shop_order (id, account_id, total) values (5001, 17, 40);
select koyomi.enqueue('payouts/movements', '17',
  '{"accountId": 17, "kind": "sale", "amount": 40, "reference": "order 5001"}');

-- A sale, a return and another sale for each of 300 accounts: the order of the array is that of the jobs.
select cardinality(koyomi.enqueue_all('payouts/movements',
    jsonb_agg(
      jsonb_build_object('key', a.id, 'payload', jsonb_build_object(
        'accountId', a.id, 'kind', m.kind, 'amount', m.amount, 'reference', m.reference))
      order by a.id, m.n))) as jobs
from account a
cross join (values (1, 'sale', 50, 'order 1'), (2, 'refund', -20, 'return of 1'), (3, 'sale', 30, 'order 2'))
  as m(n, kind, amount, reference)
where a.id <= 300;
