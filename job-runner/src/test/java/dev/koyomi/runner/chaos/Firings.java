package dev.koyomi.runner.chaos;

import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerRun;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

/** The triggers of an episode: each run is that of another day. */
final class Firings {
  private static final LocalDate FIRST_DAY = LocalDate.of(2026, 1, 1);
  private static final int OPEN_RUNS = 3;

  private final Database database;
  private final Planned.Valid batch;
  private final Sql sql;
  private final AtomicInteger days = new AtomicInteger();

  Firings(Database database, Planned.Valid batch) {
    this.database = database;
    this.batch = batch;
    this.sql = new Sql(database.jdbi());
  }

  long openRuns() {
    return sql.number(
        "select count(*) from koyomi.run where state in ('Selecting', 'Running') and open_until is"
            + " null");
  }

  /** Fires the next day's run, by so many triggers at once; false when enough runs are open. */
  boolean fire(int times) {
    if (openRuns() >= OPEN_RUNS) {
      return false;
    }
    LocalDate day = nextDay();
    IntStream.range(0, times).mapToObj(_ -> start(day)).toList().forEach(Firings::join);
    return true;
  }

  /**
   * A trigger's session ends in the middle of its selection and its heart stops: as a killed pod's.
   */
  boolean fireAndKill() {
    if (openRuns() >= OPEN_RUNS) {
      return false;
    }
    sql.run("update failpoint set selecting = 0.02");
    try {
      Thread trigger = start(nextDay());
      boolean killed = false;
      for (int look = 0; look < 100 && trigger.isAlive() && !killed; look++) {
        LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
        killed =
            sql.number(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like"
                        + " '%slow_select%' and state = 'active' and pid <> pg_backend_pid()")
                > 0;
      }
      sql.run("update failpoint set selecting = 0");
      join(trigger);
      return killed;
    } finally {
      sql.run("update failpoint set selecting = 0");
    }
  }

  /** Who died while selecting is followed by another firing of the same, as its Job would be. */
  void takeUpSelections() {
    for (String day :
        sql.texts(
            "select substr(request, 5) from koyomi.run where state = 'Selecting' and request like"
                + " 'day-%'")) {
      join(start(LocalDate.parse(day)));
    }
  }

  private LocalDate nextDay() {
    return FIRST_DAY.plusDays(days.getAndIncrement());
  }

  private Thread start(LocalDate day) {
    return Thread.ofVirtual().start(() -> Episode.attempt(() -> trigger(day)));
  }

  private void trigger(LocalDate day) throws InterruptedException {
    new TriggerRun(
            database, batch.plan(), batch.definition().revision(), "chaos-trigger", Thread::sleep)
        .fire(new Fired.Request("day-" + day, day.atTime(12, 0).toInstant(ZoneOffset.UTC)));
  }

  private static void join(Thread thread) {
    try {
      thread.join(Duration.ofSeconds(30));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
