-- The tables of a small marketplace. May be applied again: what is there stays.

create table if not exists account (
  id bigint primary key,
  seller text not null,
  balance numeric(12, 2) not null default 0 constraint balance_must_not_be_negative check (balance >= 0)
);

create table if not exists shop_order (
  id bigint primary key,
  account_id bigint not null references account,
  total numeric(12, 2) not null
);

-- What happened to an account, as it was posted, with the balance after it.
create table if not exists posting (
  id bigint generated always as identity primary key,
  account_id bigint not null references account,
  kind text not null check (kind in ('sale', 'refund', 'payout')),
  amount numeric(12, 2) not null,
  reference text not null,
  balance numeric(12, 2) not null
);
