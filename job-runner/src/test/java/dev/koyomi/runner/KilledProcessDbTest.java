package dev.koyomi.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real processes, killed with SIGKILL or stopped with SIGTERM while the database holds them at one
 * exact point, and the same command again. The invoice table has no unique key and the trigger no
 * NOT EXISTS.
 */
final class KilledProcessDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final int TARGETS = 1100;

  /** Advisory locks that the SQL of the batch passes at the three points. */
  private enum Point {
    SELECTING(0),
    IN_A_SLICE(1),
    BEFORE_COMMIT(2);

    private final int lock;

    Point(int lock) {
      this.lock = lock;
    }
  }

  @TempDir private Path folder;
  private Billing billing;
  private TestClock clock;

  @BeforeEach
  void makeABatchThatCanBeHeld() throws Exception {
    String manifest =
        Billing.manifest("WHERE active", "WHERE active AND (id <> 600 OR hold(0))")
            .replace(
                "WHERE id = :subscriptionId",
                "WHERE id = :subscriptionId AND (id <> 700 OR hold(1))");
    billing = Billing.with(DATABASE, TARGETS, manifest);
    Files.writeString(folder.resolve("batch.yaml"), manifest);
    clock = DATABASE.stopClock();
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("drop function if exists hold(int) cascade");
              handle.execute("drop function if exists hold_commit() cascade");
              handle.execute(
                  """
                  create function hold(point int) returns boolean language plpgsql as $$
                  begin
                    perform pg_advisory_xact_lock_shared(42, point);
                    return true;
                  end $$
                  """);
              handle.execute(
                  """
                  create function hold_commit() returns trigger language plpgsql as $$
                  begin
                    perform hold(2);
                    return null;
                  end $$
                  """);
              // Runs inside COMMIT: after the advance, before anything is durable.
              handle.execute(
                  """
                  create constraint trigger hold_commit after insert on invoice deferrable initially deferred
                    for each row when (new.subscription_id = 800) execute function hold_commit()
                  """);
            });
  }

  private Process start(String... verb) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"));
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add("dev.koyomi.runner.RunnerMain");
    command.addAll(List.of(verb));
    command.addAll(List.of("--definition", folder.resolve("batch.yaml").toString()));
    ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
    process.redirectOutput(folder.resolve("output-" + verb[0]).toFile());
    process
        .environment()
        .putAll(
            Map.of(
                "KOYOMI_DATABASE_URI", DATABASE.address().jdbcUrl(),
                "KOYOMI_DATABASE_USERNAME", DATABASE.address().username(),
                "KOYOMI_DATABASE_PASSWORD", DATABASE.address().password()));
    return process.start();
  }

  private void runToItsEnd(String... verb) throws Exception {
    Process process = start(verb);
    assertThat(process.waitFor(90, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue())
        .as(Files.readString(folder.resolve("output-" + verb[0])))
        .isZero();
  }

  /**
   * Kills the process when it waits at the point, then lets its orphaned session go on or cuts it.
   */
  private void killAt(Point point, boolean cutTheSession, String... verb) throws Exception {
    try (Connection holder = DATABASE.dataSource().getConnection()) {
      holder.createStatement().execute("select pg_advisory_lock(42, %d)".formatted(point.lock));
      Process process = start(verb);
      awaitWaiting(point, process);
      process.destroyForcibly().waitFor();
      if (cutTheSession) {
        holder
            .createStatement()
            .execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and"
                    + " classid = 42 and not granted");
      }
      holder.createStatement().execute("select pg_advisory_unlock(42, %d)".formatted(point.lock));
    }
    awaitNobodyElse();
    for (int beat = 0; beat < 7; beat++) {
      clock.advance(Duration.ofSeconds(5));
      DATABASE.jdbi().useHandle(handle -> handle.execute("select koyomi.sweep()"));
    }
  }

  private void awaitWaiting(Point point, Process process) {
    String waits =
        "select count(*) from pg_locks where locktype = 'advisory' and classid = 42 and objid = %d and not granted"
            .formatted(point.lock);
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (billing.count(waits) == 0) {
      assertThat(process.isAlive() && System.nanoTime() < deadline)
          .as("it never came to " + point)
          .isTrue();
      Thread.onSpinWait();
    }
  }

  private void awaitDone(String question) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!billing.text("select (%s)::text".formatted(question)).equals("true")) {
      assertThat(System.nanoTime()).as(question).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  /** Until the sessions of the dead process have noticed. */
  private void awaitNobodyElse() {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    String others =
        "select count(*) from pg_stat_activity where datname = current_database() and"
            + " application_name like 'koyomi%'";
    while (billing.count(others) > 0) {
      assertThat(System.nanoTime()).as("a dead process's session stays").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  private void assertEachTargetOnce() {
    assertThat(billing.run()).isEqualTo("Succeeded %d/%d/0/0".formatted(TARGETS, TARGETS));
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(TARGETS);
    assertThat(billing.count("select count(distinct subscription_id) from invoice"))
        .isEqualTo(TARGETS);
    assertThat(billing.count("select sum(size) from koyomi.chunk")).isEqualTo(TARGETS);
  }

  @Test
  void goesOnAfterAKillWhileSelecting() throws Exception {
    killAt(Point.SELECTING, false, "trigger", "--date", "2026-11-01");

    assertThat(billing.text("select state from koyomi.runs")).isEqualTo("Selecting");
    runToItsEnd("trigger", "--date", "2026-11-01");
    runToItsEnd("work", "--drain");

    assertEachTargetOnce();
  }

  @Test
  void goesOnAfterAKillInTheMiddleOfASlice() throws Exception {
    runToItsEnd("trigger", "--date", "2026-11-01");
    // Left alone its session on the server would work on, to the end of the call.
    killAt(Point.IN_A_SLICE, true, "work", "--drain");

    assertThat(billing.text("select state from koyomi.runs")).isEqualTo("Running");
    runToItsEnd("work", "--drain");

    assertEachTargetOnce();
  }

  @Test
  void countsAnInvoiceOnceThatCommittedAfterItsWorkerWasKilled() throws Exception {
    runToItsEnd("trigger", "--date", "2026-11-01");
    killAt(Point.BEFORE_COMMIT, false, "work", "--drain");

    runToItsEnd("work", "--drain");

    assertEachTargetOnce();
  }

  @Test
  void makesAnInvoiceAgainWhoseCommitWasCutOff() throws Exception {
    runToItsEnd("trigger", "--date", "2026-11-01");
    killAt(Point.BEFORE_COMMIT, true, "work", "--drain");

    assertThat(billing.count("select count(*) from invoice where subscription_id = 800")).isZero();
    runToItsEnd("work", "--drain");

    assertEachTargetOnce();
  }

  /** The Unit that runs may end; the others go back at the cursor, and no attempt is burnt. */
  @Test
  void endsTheRunningUnitsAndHandsTheRestBackWhenItIsToldToStop() throws Exception {
    runToItsEnd("trigger", "--date", "2026-11-01");
    Process process;
    try (Connection holder = DATABASE.dataSource().getConnection()) {
      holder.createStatement().execute("select pg_advisory_lock(42, 1)");
      process = start("work");
      awaitWaiting(Point.IN_A_SLICE, process);
      process.destroy();
      awaitDone("select count(*) = 1 from koyomi.slice where lease is not null");
      holder.createStatement().execute("select pg_advisory_unlock(42, 1)");
    }

    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(billing.count("select count(*) from invoice where subscription_id = 700")).isOne();
    assertThat(billing.count("select count(*) from koyomi.slice where lease is not null")).isZero();
    assertThat(billing.count("select count(*) from koyomi.worker where stopped_at is null"))
        .isZero();
    runToItsEnd("work", "--drain");
    assertEachTargetOnce();
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }
}
