package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.RunnerMain;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * {@code kill -9} of the whole process, and the same command again. The invoice table has no unique
 * key and the trigger no NOT EXISTS: only the queue keeps a customer from a second invoice.
 */
class DevKillTest {
  private static final Path FOLDER = Path.of("target", "dev-kill").toAbsolutePath();
  private static final int TARGETS = 2000;

  private static final String MANIFEST =
      """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: kill, namespace: test}
      spec:
        timeZone: Asia/Tokyo
        schedules: [{name: nightly, cron: "0 1 * * *"}]
        trigger:
          sql: select id as key, id, :logicalDate as day from target where slow_select(id) order by id
        job: {retry: {maxAttempts: 2, backoff: {initial: 50ms}}}
        unit:
          sql: insert into done (id, day, price) select id, cast(:day as date), price from target where id = cast(:id as int)
        workers: {concurrency: 4}
      """;

  /** What the test makes slow, it can hit. */
  private static final String SCHEMA =
      """
      create table if not exists target (id int primary key, price int);
      insert into target select n, case when n %% 700 = 0 then null else n end from generate_series(1, %d) n
        on conflict do nothing;
      create table if not exists done (id int, day date, price int not null);
      create table if not exists slowness (selecting float not null, working float not null, committing float not null);
      insert into slowness select 0, 0, 0 where not exists (select from slowness);
      create or replace function slow_select(int) returns boolean language plpgsql as $$
        begin
          if $1 %% 100 = 0 then perform pg_sleep(selecting) from slowness; end if;
          return true;
        end $$;
      create or replace function slow_work() returns trigger language plpgsql as $$
        begin
          perform pg_sleep(working) from slowness where working > 0;
          return new;
        end $$;
      create or replace trigger slow_work before insert on done for each row execute function slow_work();
      create or replace function slow_commit() returns trigger language plpgsql as $$
        begin
          if new.id %% 500 = 0 then perform pg_sleep(committing) from slowness; end if;
          return null;
        end $$;
      do $$ begin
        if not exists (select from pg_trigger where tgname = 'slow_commit') then
          create constraint trigger slow_commit after insert on done
            deferrable initially deferred for each row execute function slow_commit();
        end if;
      end $$;
      """
          .formatted(TARGETS);

  private LocalPostgres postgres = startFresh();
  private Database database = Database.direct(postgres.address(), "test");

  private static LocalPostgres startFresh() {
    return LocalPostgres.start(
        FOLDER.resolve("koyomi"), new LocalPostgres.Options(true, false, Map.of("fsync", "off")));
  }

  @BeforeEach
  void writeTheBatch() throws IOException {
    Files.createDirectories(FOLDER.resolve("batch"));
    Files.writeString(FOLDER.resolve("batch/kill.yaml"), MANIFEST);
    Files.writeString(FOLDER.resolve("batch/schema.sql"), SCHEMA);
    execute(SCHEMA);
  }

  @AfterEach
  void stop() {
    database.close();
    postgres.close();
  }

  @Test
  void goesOnAfterAKillWhileSelecting() throws Exception {
    execute("update slowness set selecting = 1");
    killWhen("select count(*) = 1 from koyomi.run where state = 'Selecting'");
    execute("update slowness set selecting = 0");
    assertThatTheSameCommandEndsItOnce();
  }

  @Test
  void goesOnAfterKillsInTheMiddleOfSlices() throws Exception {
    execute("update slowness set working = 0.003");
    killWhen("select count(*) > 50 from done");
    killWhen("select count(*) > %d from done".formatted(count("select count(*) from done") + 200));
    killWhen("select count(*) > %d from done".formatted(count("select count(*) from done") + 200));
    execute("update slowness set working = 0");
    assertThatTheSameCommandEndsItOnce();
  }

  @Test
  void goesOnAfterAKillBetweenAdvanceAndCommit() throws Exception {
    execute("update slowness set committing = 5");
    // Deferred triggers run at COMMIT: the Unit has advanced its cursor by then.
    killWhen(
        "select count(*) > 0 from pg_stat_activity where wait_event = 'PgSleep' and"
            + " application_name like 'koyomi test/kill worker%'");
    execute("update slowness set committing = 0");
    assertThatTheSameCommandEndsItOnce();
  }

  /** SIGTERM, not SIGINT, which the children of a shell in the background ignore. */
  @Test
  void handsBackWhatItHeldWhenItIsToldToStopAndGoesOn() throws Exception {
    execute("update slowness set working = 0.003");
    Process process = dev();
    awaitTrue(process, "select count(*) > 50 from done");
    process.destroy();
    assertThat(process.waitFor()).isEqualTo(143);
    assertThat(count("select count(*) from koyomi.slice where lease is not null")).isZero();
    assertThat(count("select count(*) from koyomi.worker where stopped_at is null")).isZero();
    assertThatTheSameCommandEndsItOnce();
  }

  private void assertThatTheSameCommandEndsItOnce() throws Exception {
    Process process = dev();
    List<String> screen = process.inputReader().readAllLines();
    assertThat(process.waitFor()).as(String.join("\n", screen)).isZero();
    assertThat(
            text(
                "select string_agg(format('%s %s/%s/%s', state, selected, succeeded, dead), ', ')"
                    + " from koyomi.runs"))
        .isEqualTo("PartiallyFailed 2000/1998/2");
    assertThat(count("select count(*) from done")).isEqualTo(TARGETS - 2);
    assertThat(count("select count(distinct id) from done")).isEqualTo(TARGETS - 2);
  }

  /** Starts the command and kills it as soon as the query says true. */
  private void killWhen(String query) throws Exception {
    Process process = dev();
    awaitTrue(process, query);
    process.destroyForcibly().waitFor();
  }

  private void awaitTrue(Process process, String query) throws InterruptedException {
    while (!isTrue(query)) {
      assertThat(process.isAlive()).as("the command ended before: " + query).isTrue();
      process.waitFor(5, TimeUnit.MILLISECONDS);
    }
  }

  private boolean isTrue(String query) {
    return count("select count(*) from pg_tables where schemaname = 'koyomi' and tablename = 'run'")
            == 1
        && database.jdbi().withHandle(h -> h.createQuery(query).mapTo(Boolean.class).one());
  }

  private static Process dev() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.addAll(
        List.of("-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path")));
    command.addAll(
        List.of(
            RunnerMain.class.getName(),
            "dev",
            FOLDER.resolve("batch").toString(),
            "--date",
            "2026-11-01"));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("KOYOMI_FOLDER", FOLDER.resolve("koyomi").toString());
    return builder.start();
  }

  private void execute(String sql) {
    // Not handle.execute(): this has several statements, and "::" and ":=" of its own.
    try (var connection = database.dataSource().getConnection();
        var statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException failed) {
      throw new IllegalStateException(sql, failed);
    }
  }

  private long count(String sql) {
    return database.jdbi().withHandle(h -> h.createQuery(sql).mapTo(Long.class).one());
  }

  private String text(String sql) {
    return database.jdbi().withHandle(h -> h.createQuery(sql).mapTo(String.class).one());
  }
}
