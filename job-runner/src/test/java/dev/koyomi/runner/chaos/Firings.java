package dev.koyomi.runner.chaos;

import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Reselection;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.trigger.TriggerRun;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

/** The triggers of an episode: each run is that of another day. */
final class Firings {
  private static final LocalDate FIRST_DAY = LocalDate.of(2026, 1, 1);
  private static final int OPEN_RUNS = 5;
  private static final Duration LOOK = Duration.ofMillis(10);
  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private final Database database;
  private final DatabaseAddress address;
  private final Planned.Valid batch;
  private final Path manifest;
  private final Path log;
  private final Sql sql;
  private final AtomicInteger days = new AtomicInteger();

  Firings(
      Database database, DatabaseAddress address, Planned.Valid batch, Path manifest, Path log) {
    this.database = database;
    this.address = address;
    this.batch = batch;
    this.manifest = manifest;
    this.log = log;
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

  /** A trigger process is killed in the middle of its selection, and another comes after it. */
  boolean fireAndKill() throws Exception {
    return whileSelecting(
        (process, day) -> {
          process.destroyForcibly().waitFor();
          start(day);
          return true;
        });
  }

  /** A trigger process is frozen until another has taken its selection over, and then goes on. */
  boolean fireAndFreeze() throws Exception {
    return whileSelecting(
        (process, day) -> {
          String selector =
              "select selector_id from koyomi.run where state = 'Selecting' and occurrence = '%s'"
                  .formatted(occurrence(day));
          Optional<String> frozen = sql.text(selector);
          JavaProcess.signal(process, "STOP");
          try {
            start(day);
            return frozen.isPresent() && await(() -> !sql.text(selector).equals(frozen));
          } finally {
            JavaProcess.signal(process, "CONT");
            process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
          }
        });
  }

  private interface Harm {
    boolean to(Process trigger, LocalDate day) throws Exception;
  }

  private boolean whileSelecting(Harm harm) throws Exception {
    if (openRuns() >= OPEN_RUNS) {
      return false;
    }
    LocalDate day = nextDay();
    sql.run("update failpoint set selecting = 0.02");
    Process trigger = startProcess(day);
    try {
      return await(
              () ->
                  !trigger.isAlive()
                      || sql.number(
                              "select count(*) from pg_stat_activity where state = 'active' and"
                                  + " query like '%%slow_select%%' and application_name = '%s'"
                                      .formatted(ChaosTrigger.name(day.toString())))
                          > 0)
          && trigger.isAlive()
          && harm.to(trigger, day);
    } finally {
      trigger.destroyForcibly();
      sql.run("update failpoint set selecting = 0");
    }
  }

  private interface Question {
    boolean isSo();
  }

  private static boolean await(Question question) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!question.isSo()) {
      if (System.nanoTime() > end) {
        return false;
      }
      LockSupport.parkNanos(LOOK.toNanos());
    }
    return true;
  }

  private Process startProcess(LocalDate day) throws IOException {
    return JavaProcess.start(
        ChaosTrigger.class,
        log,
        address.jdbcUrl(),
        address.username(),
        address.password(),
        manifest.toString(),
        day.toString());
  }

  /** Who died while selecting is followed by another firing of the same, as its Job would be. */
  void takeUpSelections() {
    for (String day :
        sql.texts(
            "select (occurrence at time zone 'UTC')::date from koyomi.run where state ="
                + " 'Selecting' and open_until is null")) {
      join(start(LocalDate.parse(day)));
    }
  }

  private LocalDate nextDay() {
    return FIRST_DAY.plusDays(days.getAndIncrement());
  }

  private Thread start(LocalDate day) {
    return Thread.ofVirtual().start(() -> Episode.attempt(() -> fire(database, batch, day)));
  }

  /** Every other day is a slot of the timetable, the others are asked for. */
  static void fire(Database database, Planned.Valid batch, LocalDate day)
      throws InterruptedException {
    Instant occurrence = occurrence(day);
    trigger(database, batch)
        .fire(
            day.toEpochDay() % 2 == 0
                ? new Fired.SlotByPerson(occurrence)
                : new Fired.Request("day-" + day, occurrence));
  }

  /** A person's refresh or redispatch; false when it did not come to its end. */
  boolean again(long run, Reselection how) throws InterruptedException {
    return trigger(database, batch).again(run, how) instanceof TriggerResult.Dispatched;
  }

  private static TriggerRun trigger(Database database, Planned.Valid batch) {
    return new TriggerRun(
        database, batch.plan(), batch.definition().revision(), "chaos-trigger", Thread::sleep);
  }

  private static Instant occurrence(LocalDate day) {
    return day.atTime(12, 0).toInstant(ZoneOffset.UTC);
  }

  private static void join(Thread thread) {
    try {
      thread.join(Duration.ofSeconds(30));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
