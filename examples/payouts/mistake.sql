-- Somebody typed a nought too many; and a sale that comes after it.

select koyomi.enqueue('payouts/movements', '42',
  '{"accountId": 42, "kind": "refund", "amount": -500, "reference": "return of 9"}');
select koyomi.enqueue('payouts/movements', '42',
  '{"accountId": 42, "kind": "sale", "amount": 60, "reference": "order 10"}');
