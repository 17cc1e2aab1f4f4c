package dev.koyomi.runner.chaos;

import java.sql.SQLException;
import java.util.Random;
import org.jdbi.v3.core.Jdbi;

/**
 * The tables of the batch, its Unit, and the places where that breaks by itself. Each such break is
 * a line of the server's log, which neither a rollback nor a crash takes back.
 */
final class Scene {
  private final Jdbi jdbi;

  Scene(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  void set(Workload workload, Random random) throws SQLException {
    jdbi.useHandle(
        handle -> {
          handle.execute(
              "update koyomi.meta set beat_every = '250 milliseconds', beat_at = '-infinity'");
          try (var statement = handle.getConnection().createStatement()) {
            statement.execute(SQL);
          }
          boolean each = workload.commit().contains("Each");
          // Many and Chunk look for the one among many, which takes its time.
          handle.execute(
              "insert into target select g, g % ? = 0 from generate_series(1, ?) g",
              each ? 7 : 31, workload.targets());
          double rate = each ? 1 : 0.3;
          handle.execute(
              "insert into failpoint values (?, ?, ?, 0, 0)",
              0.012 * rate * random.nextDouble(),
              0.02 * rate * random.nextDouble(),
              0.012 * rate * random.nextDouble());
        });
  }

  private static final String SQL =
      """
      drop table if exists effect, target, failpoint, asked, began, busy, idle_write cascade;
      create table began as select clock_timestamp() as at;
      create table busy as select generate_series(1, 2) as n;
      create table idle_write (what text not null);
      create or replace function idle_write() returns trigger language plpgsql as $$
      begin
        insert into public.idle_write values (tg_table_name || ' ' || tg_op);
        return null;
      end $$;
      drop sequence if exists asking;
      create table asked (id bigint primary key, certain boolean not null);
      create sequence asking start 100000;
      create table target (n int primary key, poison boolean not null);
      create table failpoint (collision float not null, lost float not null, failed float not null, sleeping float not null, selecting float not null);
      create table effect (id bigint generated always as identity, n int not null, day date not null, lane int, before int);
      create index on effect (day, lane, n);

      create or replace function slow_select(int) returns boolean language plpgsql as $$
      begin
        if $1 % 20 = 0 then perform pg_sleep(selecting) from failpoint where selecting > 0; end if;
        return true;
      end $$;

      create or replace function work(p_n int, p_day date) returns int language plpgsql as $$
      declare
        v_lanes int := (select lanes from koyomi.batch limit 1);
        v_first int;
        v_lane int := case when v_lanes > 0 then koyomi.lane_of(p_n::text, v_lanes) end;
      begin
        if random() < (select collision from failpoint) then
          raise log 'hit: COLLISION';
          raise exception 'in the way' using errcode = (array['40001', '40P01', '55P03'])[1 + floor(random() * 3)::int];
        end if;
        -- And real ones, which the server counts in its log: two who lock the same rows in another order.
        if random() < (select collision from failpoint) then
          v_first := 1 + floor(random() * 2)::int;
          perform from busy where n = v_first for update;
          perform pg_sleep(0.02);
          perform from busy where n = 3 - v_first for update;
        end if;
        perform pg_sleep(0.001);
        if (select poison from target where n = p_n) then
          -- Half of them with an error that no attempt can mend: dead while the rest is still worked.
          raise exception 'poison' using errcode = case when p_n % 2 = 0 then '42P01' else '23514' end;
        end if;
        -- Fails once: a retry that succeeds is what could come out of order.
        if p_n % 97 = 1
           and not exists (select from koyomi.failure f join koyomi.chunk c on c.id = f.chunk_id join koyomi.run r on r.id = f.run_id
                             where c.keys[f.ordinal + 1] = p_n::text and (c.ids is not null or r.logical_date = p_day)) then
          raise exception 'not at once' using errcode = '23514';
        end if;
        insert into effect (n, day, lane, before)
          select p_n, p_day, v_lane, (select max(e.n) from effect e where e.day = p_day and e.lane = v_lane);
        return p_n;
      end $$;

      create or replace function at_commit() returns trigger language plpgsql as $$
      declare
        v_point failpoint;
        v_random float := random();
      begin
        select * into v_point from failpoint;
        if v_random < v_point.lost then
          raise log 'hit: LOST_AT_COMMIT';
          perform pg_terminate_backend(pg_backend_pid());
          perform pg_sleep(1);
        elsif v_random < v_point.lost + v_point.failed then
          raise log 'hit: FAILED_AT_COMMIT';
          raise exception 'at the very end' using errcode = '40001';
        elsif v_random < v_point.lost + v_point.failed + v_point.sleeping then
          perform set_config('application_name', current_setting('application_name') || ' committing', true);
          perform pg_sleep(0.3);
        end if;
        return null;
      end $$;
      create constraint trigger at_commit after insert on effect deferrable initially deferred for each row execute function at_commit();

      create or replace function count_split() returns trigger language plpgsql as $$
      begin
        if current_query() like '%koyomi.split%' then raise log 'hit: SPLIT'; end if;
        return null;
      end $$;
      create or replace trigger count_split after insert on koyomi.slice for each row execute function count_split();
      """;
}
