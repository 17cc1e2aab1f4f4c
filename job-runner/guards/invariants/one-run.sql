-- Noticed as: runs of one identity
-- Two who fire one request open two runs.
drop index koyomi.run_request;
drop index koyomi.run_open_exclusive;
drop index koyomi.run_slot;
