-- The tables of a small subscription business. May be applied again: what is there stays.

create table if not exists currency (
  code text primary key
);

create table if not exists subscription (
  id bigint primary key,
  status text not null check (status in ('active', 'paused', 'cancelled')),
  monthly_fee numeric(12, 2),
  currency text not null
);

create table if not exists invoice (
  id bigint generated always as identity primary key,
  subscription_id bigint not null references subscription,
  billing_date date not null,
  amount numeric(12, 2) not null constraint amount_must_not_be_negative check (amount >= 0),
  currency text not null constraint currency_must_exist references currency,
  status text not null,
  unique (subscription_id, billing_date)
);
