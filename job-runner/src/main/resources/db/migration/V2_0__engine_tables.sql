-- The engine: chunks by column, order by lanes, priorities, limits, single jobs, jobs that a worker died of, pausing.
-- Only additions: a worker of release 0.1.0 goes on beside newer ones (V2_1, join_as).
--
-- V1 shows the tables and functions of release 0.1.0. Of its functions and views these have another body by now:
--   V2_1  register, join_as(text, text, int)
--   V2_2  log_work, advance(bigint, bigint, int, int), fail_job
--   V2_3  give_back
--   V2_5  dispatch, fail_selection
--   V2_6  redrive, cancel_run
--   V2_7  cut_retries, close_run, sweep
--   V2_8  the views runs and backlog
-- As they were: now, hold_selection; and, which only release 0.1.0 calls, heartbeat(bigint), begin_unit and skip_job.

-- All locks at once and at the beginning: who waits for this transaction waits once, and where a lock is not to be had at once the verb gives
-- way and comes again. In the order in which workers take theirs, who are the most; the views before their tables, as readers do.
-- Less than the server's deadlock_timeout (1 s): where this transaction and a worker wait for each other, this one gives way.
set local lock_timeout = '500ms';
set local statement_timeout = 0;
lock table koyomi.slice, koyomi.runs, koyomi.backlog, koyomi.run, koyomi.batch, koyomi.chunk, koyomi.failure, koyomi.skipped, koyomi.work,
           koyomi.dead, koyomi.worker, koyomi.meta in access exclusive mode;

create function koyomi.clock() returns timestamptz
  language sql volatile
  return clock_timestamp();
comment on function koyomi.clock() is 'koyomi.now() for places inside a long statement, where time goes on; tests replace it.';

alter table koyomi.meta
  add column version int not null default 2,
  add column beat_every interval not null default '5 seconds',
  add column installation text;
comment on table koyomi.meta is 'One row: the schema''s version and the beat, raised by sweep() while anybody lives.';
comment on column koyomi.meta.version is 'Version of the schema.';
comment on column koyomi.meta.schema_version is 'The oldest schema that a runner must know to work here. Release 0.1.0 compares it with its own and reads nothing else.';
comment on column koyomi.meta.beat_every is 'Shortest time between two beats; a process that misses six is lost. Heartbeats come as often, and every 5 seconds where it is longer.';
comment on column koyomi.meta.installation is 'Who this schema belongs to; another installation is refused.';

alter table koyomi.batch
  add column mode text not null default 'Unordered' check (mode in ('Unordered', 'Fifo', 'FifoByKey')),
  add column lanes int not null default 0 check (lanes between 0 and 256),
  add column on_dead text not null default 'Continue' check (on_dead in ('Continue', 'StopLane')),
  add column priority smallint not null default 1 check (priority between 0 and 2),
  add column max_concurrent int,
  add column rate_jobs int,
  add column rate_per interval,
  add column max_payload int not null default 262144,
  add column commit_jobs int not null default 1,
  add column on_lost int not null default 3,
  add column keep_days int not null default 90,
  add column time_zone text not null default 'UTC',
  add column paused_at timestamptz,
  add column paused_by text,
  add column paused_why text,
  add check ((mode = 'Unordered') = (lanes = 0)),
  add check ((rate_jobs is null) = (rate_per is null));
-- What is registered stays registered as it is until it changes: its zone must not wait for that.
update koyomi.batch set time_zone = coalesce(definition #>> '{spec,timeZone}', 'UTC');
comment on column koyomi.batch.commit_jobs is 'Most jobs of one transaction: 1 Each, n Many, 500 Chunk. So many may be the reason when a worker dies.';

alter table koyomi.worker
  add column release int not null default 1,
  add column draining_at timestamptz,
  add column idle int not null default 0,
  add column hindered text,
  add column swept boolean not null default false;
create index worker_unswept on koyomi.worker (id) where (stopped_at is not null or lost_at is not null) and not swept;
comment on column koyomi.worker.swept is 'It has ended, and nothing of what it held is left.';
comment on column koyomi.worker.release is '1: release 0.1.0, which knows neither order nor limits nor pausing.';
comment on column koyomi.worker.hindered is 'What its Units cannot reach, as of the last heartbeat: their jobs wait, and no attempt is counted.';
comment on column koyomi.worker.idle is 'Slots without work, as of the last heartbeat: whom to wake, and for whom to split.';

alter table koyomi.run
  add column open_until timestamptz,
  add column kept_at timestamptz,
  add column pruned_at timestamptz,
  add column abandoned bigint[],
  add column was_cancelled text;
comment on column koyomi.run.kept_at is 'When prune_runs() found it old but with jobs that need attention. It looks again once the run ended anew, or its jobs were discarded (null).';
comment on column koyomi.run.pruned_at is 'When prune() began to delete it: what is left of it is no longer the whole.';
comment on column koyomi.run.abandoned is 'Tokens of selections that were given up, whose chunks are still there: they are no jobs, and prune() deletes them.';
comment on column koyomi.run.was_cancelled is 'The run was cancelled before it is selected again now, with this message: what it is again when the selection fails.';
comment on column koyomi.run.open_until is 'Of the run of a day''s enqueued jobs: the end of that day; it is not closed before.';

-- A chunk has its payloads either by column (a trigger''s rows) or as JSON objects (enqueued jobs, and triggers of release 0.1.0).
alter table koyomi.chunk
  alter column jobs drop not null,
  add column names text[],
  add column kinds text,
  add column vals text[],
  add column lane int,
  add column ids bigint[],
  add column bytes bigint,
  add column rising boolean,
  -- Not valid: true of every row that is there, and nobody waits while millions of them are looked at.
  add check ((jobs is null) = (vals is not null)) not valid,
  add check ((vals is null) = (names is null) and (vals is null) = (kinds is null)) not valid;
comment on column koyomi.chunk.names is 'Columns of the payload.';
comment on column koyomi.chunk.kinds is 'A letter for each column, as JSON shows it: n number, b boolean, j JSON, s string.';
comment on column koyomi.chunk.vals is 'One row for each column, with one text for each job.';
comment on column koyomi.chunk.bytes is 'Length of the payloads.';
comment on column koyomi.chunk.rising is 'Each key of the selection up to here is greater than the one before, so that none can come twice.';
comment on column koyomi.chunk.ids is 'Numbers of enqueued jobs, by which their callers know them.';

alter table koyomi.slice
  add column priority smallint not null default 1,
  add column lane int,
  add column uniq boolean not null default false,
  add column suspect int not null default 0,
  add column suspect_at timestamptz,
  add column alone boolean not null default false,
  add column lost int not null default 0;
-- The server reads the text of a check at each update: with these three, 7 % of the time of a job with a commit of its own.
alter table koyomi.slice
  drop constraint slice_check,
  drop constraint slice_check1,
  drop constraint slice_check2;
comment on column koyomi.slice.lane is 'Of ordered batches; the number of the slice is its place in the lane. Its attempt is that of the job at the cursor.';
comment on column koyomi.slice.uniq is 'Some of its jobs hold a row of unique_job.';
comment on column koyomi.slice.suspect is 'So many jobs from the cursor on may have been the reason why a worker died: they are worked alone.';
comment on column koyomi.slice.suspect_at is 'When the last worker died of them, perhaps.';
comment on column koyomi.slice.alone is 'Leased by a process that holds nothing else.';
comment on column koyomi.slice.lost is 'Workers that died while the job at the cursor was all that they worked.';

drop index koyomi.slice_ready;
drop index koyomi.slice_leased;
drop index koyomi.slice_run;
create index slice_ready on koyomi.slice (batch_id, priority, due_at, id) where lease is null and lane is null and suspect = 0;
-- Runs in which jobs may have been worked, for slice_size().
create index run_worked on koyomi.run (batch_id, id) where selected > 0 or open_until is not null;
drop index koyomi.work_run;
create index work_run on koyomi.work (run_id, id);
create index slice_suspect on koyomi.slice (batch_id) where suspect > 0;
create index slice_lane on koyomi.slice (batch_id, lane, id) where lane is not null;
-- Not "where lease is not null": the fence, which names a slice and its lease, would be taken for a use of this index, and walk over all leases of the past
-- as long as somebody's snapshot keeps them.
create index slice_leased on koyomi.slice (batch_id, worker_id, lease) where worker_id is not null;
-- Of processes that ended before there was this mark.
update koyomi.worker w set swept = true
  where (w.stopped_at is not null or w.lost_at is not null)
    and not exists (select from koyomi.slice s where s.batch_id = w.batch_id and s.worker_id = w.id);
-- Searched from its end: what is left of a run is what was made last, and dead rows before it are not walked over.
create index slice_run on koyomi.slice (run_id, id);

create table koyomi.lane (
  batch_id int not null references koyomi.batch on delete cascade,
  lane int not null,
  due_at timestamptz,
  lease bigint,
  worker_id bigint,
  stopped_chunk bigint,
  stopped_ordinal int,
  stopped_at timestamptz,
  primary key (batch_id, lane),
  check ((lease is null) = (worker_id is null)),
  check ((stopped_at is null) = (stopped_chunk is null) and (stopped_at is null) = (stopped_ordinal is null))
) with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
comment on table koyomi.lane is 'Ordered batches: who may work the slices of a lane, one after the other. due_at is null while it has none.';
create index lane_leased on koyomi.lane (lease) where lease is not null;

alter table koyomi.failure
  add column held boolean not null default false;
comment on column koyomi.failure.held is 'The job stayed at the cursor and holds its lane.';

alter table koyomi.dead
  add column discarded_at timestamptz,
  add column discarded_by text,
  add column discard_reason text;
-- A key may be longer than an index takes, and a job must not be lost for it.
drop index koyomi.dead_run;
create index dead_run on koyomi.dead (run_id, left(key, 100));
create index dead_attention on koyomi.dead (run_id) where discarded_at is null;

alter table koyomi.work
  add column ordinals int[],
  drop constraint work_kind_check,
  add constraint work_kind_check check (kind in ('Done', 'Cancelled', 'Expired')) not valid;
comment on column koyomi.work.ordinals is 'The piece as a list of places in the chunk, where it is not [first, stop).';
-- Of retries release 0.1.0 wrote down positions in a list that is gone. Which jobs were cancelled is not known any more: none is taken for
-- undone, so that a redispatch does none of them twice.
update koyomi.work set ordinals = '{}' where kind = 'Cancelled' and attempt > 1;
comment on column koyomi.work.cancelled is 'Jobs that ended without an attempt: cancelled or expired, as kind says.';

create sequence koyomi.job_id cache 1;

-- Written once for each single job, so without what costs as much as the row itself: a foreign key, which would lock the batch's row, and checks.
create table koyomi.inbox (
  id bigint primary key,
  batch_id int not null,
  priority smallint not null,
  due_at timestamptz not null,
  expires_at timestamptz,
  uniq boolean not null,
  ids bigint[] not null,
  keys text[] not null,
  jobs jsonb not null,
  bytes int not null,
  enqueued_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
comment on table koyomi.inbox is 'Enqueued jobs until a worker takes them, many at a time, into a chunk. Written by enqueue().';
create index inbox_ready on koyomi.inbox (batch_id, priority, due_at, id);

create table koyomi.unique_job (
  batch_id int not null references koyomi.batch on delete cascade,
  key text not null,
  job_id bigint not null,
  scope text not null check (scope in ('Waiting', 'Unfinished', 'Period')),
  until timestamptz,
  primary key (batch_id, key),
  check ((scope = 'Period') = (until is not null))
);
create index unique_job_until on koyomi.unique_job (until) where until is not null;
comment on table koyomi.unique_job is 'Keys that may not be enqueued as unique now; gone in the transaction that takes or ends the job, or after its period.';

create table koyomi.rate (
  batch_id int primary key references koyomi.batch on delete cascade,
  bucket bigint not null,
  spent int[] not null
) with (fillfactor = 25);
comment on table koyomi.rate is 'Jobs that were started in the newest buckets, each a tenth of the rate''s period long; the last one is bucket.';

-- No plan asks what is in an array or in JSON, and to count it ANALYZE would read every payload: of 18,000 chunks in 5.9 s, without it in 0.05 s,
-- beside the workers, each time that a tenth of the chunks is new. Nothing is collected of a column whose target is 0 (ALTER TABLE, SET STATISTICS).
alter table koyomi.batch alter column definition set statistics 0;
alter table koyomi.run alter column abandoned set statistics 0;
alter table koyomi.rate alter column spent set statistics 0;
alter table koyomi.slice alter column ordinals set statistics 0;
alter table koyomi.work alter column ordinals set statistics 0;
alter table koyomi.dead alter column payload set statistics 0;
alter table koyomi.chunk
  alter column keys set statistics 0,
  alter column jobs set statistics 0,
  alter column names set statistics 0,
  alter column vals set statistics 0,
  alter column ids set statistics 0;
alter table koyomi.inbox
  alter column ids set statistics 0,
  alter column keys set statistics 0,
  alter column jobs set statistics 0;
