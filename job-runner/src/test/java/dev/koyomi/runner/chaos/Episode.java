package dev.koyomi.runner.chaos;

import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One batch with its own rules is worked while everything that can happen to it does; then peace,
 * and the count.
 */
final class Episode implements AutoCloseable {
  /** Faults that are under way at the same time. */
  private static final int HANDS = 3;

  private static final int WORKERS = 3;
  private static final Pattern HIT = Pattern.compile("LOG:  hit: ([A-Z_]+)");
  private static final Duration START = Duration.ofMinutes(1);

  /** So long nothing comes to an end before something is stuck. */
  private static final Duration PEACE = Duration.ofMinutes(3);

  /** Attempts are counted, so that this is reached only where jobs are tried for ever. */
  private static final Duration PEACE_AT_MOST = Duration.ofMinutes(15);

  private static final int IDLE_BEATS = 4;

  private final Database database;
  private final Sql sql;
  private final Random random;
  private final Workload workload;
  private final Histogram histogram;
  private final Planned.Valid batch;
  private final Crowd crowd;
  private final Path log;
  private final Firings firings;

  Episode(
      Database database,
      DatabaseAddress address,
      Crowd crowd,
      Path manifest,
      Path log,
      Path processes,
      Workload workload,
      Histogram histogram,
      Random random)
      throws Exception {
    this.database = database;
    this.sql = new Sql(database.jdbi());
    this.crowd = crowd;
    this.log = log;
    this.workload = workload;
    this.histogram = histogram;
    this.random = random;
    Files.writeString(manifest, workload.manifest());
    this.batch = (Planned.Valid) Planner.plan(Manifests.read(workload.manifest()).getFirst());
    this.firings = new Firings(database, address, batch, manifest, processes);
  }

  /** Until the time is over, then in peace; what is broken afterwards. */
  List<String> play(Duration time) throws Exception {
    long before = lines(log);
    new Scene(database.jdbi()).set(workload, random);
    new Batches(database.jdbi())
        .register(
            batch.plan().batch().toString(), "chaos", System.nanoTime(), batch.definition().json());
    crowd.fill(WORKERS);
    firings.fire(1);
    awaitWork();
    long end = System.nanoTime() + time.toNanos();
    List<Thread> hands = new ArrayList<>();
    for (int hand = 0; hand < HANDS; hand++) {
      boolean atTriggers = hand == 0;
      Mischief mischief =
          new Mischief(
              database,
              crowd,
              firings,
              workload.ordered(),
              fault -> fault.atTriggers() == atTriggers,
              new Random(random.nextLong()));
      hands.add(Thread.ofPlatform().start(() -> harm(mischief, end)));
    }
    for (int program = 0; program < (workload.ordered() ? 1 : 2); program++) {
      Enqueuer enqueuer =
          new Enqueuer(database.jdbi(), workload.ordered(), new Random(random.nextLong()));
      hands.add(Thread.ofPlatform().start(() -> enqueuer.run(end)));
    }
    while (System.nanoTime() < end) {
      // Whatever a fault broke for us too is mended by the next look.
      attempt(this::keepBusy);
      pause();
    }
    for (Thread hand : hands) {
      hand.join();
    }
    peace();
    count(before);
    System.out.printf(
        "chaos:   %d runs, %d jobs selected, %d enqueued, %d effects, %d failures%n",
        sql.number("select count(*) from koyomi.run"),
        sql.number("select sum(size) from koyomi.chunk where ids is null"),
        sql.number("select sum(size) from koyomi.chunk where ids is not null"),
        sql.number("select count(*) from effect"),
        sql.number("select count(*) from koyomi.failure"));
    List<String> broken = new Invariants(database.jdbi()).broken(workload);
    restless().ifPresent(broken::add);
    return broken;
  }

  /** The time of an episode is not that of starting processes. */
  private void awaitWork() throws IOException {
    long end = System.nanoTime() + START.toNanos();
    while (sql.number("select count(distinct worker_id) from koyomi.slice where lease is not null")
            == 0
        && System.nanoTime() < end) {
      crowd.fill(WORKERS);
      pause();
    }
  }

  interface Deed {
    void run() throws Exception;
  }

  /** Does something that a fault may break. */
  static boolean attempt(Deed deed) {
    try {
      deed.run();
      return true;
    } catch (Exception away) {
      pause();
      return false;
    }
  }

  private static void pause() {
    LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
  }

  private void harm(Mischief mischief, long end) {
    while (System.nanoTime() < end) {
      attempt(() -> mischief.next().ifPresent(fault -> histogram.hit(fault, 1)));
    }
  }

  private void keepBusy() throws Exception {
    crowd.fill(WORKERS);
    if (firings.openRuns() < 2) {
      firings.fire(1);
    }
  }

  /** Nothing happens any more, and everything comes to its end. */
  private void peace() throws Exception {
    crowd.heal();
    while (!attempt(
        () ->
            sql.run(
                "update failpoint set collision = 0, lost = 0, failed = 0, sleeping = 0, selecting"
                    + " = 0"))) {
      pause();
    }
    sql.run("select koyomi.resume(1)");
    long last = System.nanoTime() + PEACE_AT_MOST.toNanos();
    long end = System.nanoTime() + PEACE.toNanos();
    long moved = 0;
    while (System.nanoTime() < Math.min(end, last)) {
      crowd.fill(WORKERS);
      attempt(firings::takeUpSelections);
      attempt(() -> sql.run("select koyomi.resume_lanes(1, null)"));
      if (firings.openRuns() == 0
          && sql.number("select count(*) from koyomi.slice") == 0
          && sql.number("select koyomi.drained(1)::int") == 1) {
        return;
      }
      long now =
          sql.number(
              "select (select count(*) from effect) + (select count(*) from koyomi.failure) +"
                  + " (select coalesce(sum(position), 0) from koyomi.slice)");
      if (now != moved) {
        moved = now;
        end = System.nanoTime() + PEACE.toNanos();
      }
      pause();
    }
  }

  /** Who writes though nothing is left to do: heartbeats and the beat alone may come (8). */
  private Optional<String> restless() throws IOException {
    sql.run(
        """
        do $$
        declare
          v_table text;
        begin
          for v_table in select tablename from pg_tables where schemaname = 'koyomi' and tablename not in ('worker', 'meta') loop
            execute format('create trigger idle_write after insert or update or delete on koyomi.%I for each row execute function public.idle_write()', v_table);
          end loop;
        end $$
        """);
    long end = System.nanoTime() + PEACE.toNanos();
    while (System.nanoTime() < end) {
      sql.run("truncate idle_write");
      long until = sql.number("select beat from koyomi.meta") + IDLE_BEATS;
      while (sql.number("select beat from koyomi.meta") < until && System.nanoTime() < end) {
        crowd.fill(WORKERS);
        pause();
      }
      // What was deleted at the last beats of the work may come to its end first.
      if (sql.number("select beat from koyomi.meta") >= until
          && sql.number("select count(*) from idle_write") == 0) {
        return Optional.empty();
      }
    }
    return Optional.of(
        "writes to an idle queue (8): "
            + sql.text("select string_agg(distinct what, ', ') from idle_write").orElse("no beat"));
  }

  /**
   * Faults that happen by themselves are lines of the server's log. A deadlock that is not the
   * Units' is the queue's own: no promise is broken by it, but it is nothing to be proud of.
   */
  private void count(long from) throws IOException {
    boolean deadlock = false;
    for (String line : linesFrom(from)) {
      Matcher hit = HIT.matcher(line);
      if (hit.find()) {
        histogram.hit(Fault.valueOf(hit.group(1)), 1);
      } else if (line.contains("ERROR:  deadlock detected")) {
        deadlock = true;
      } else if (deadlock && line.contains("CONTEXT:")) {
        deadlock = false;
        if (line.contains("relation \"busy\"")) {
          histogram.hit(Fault.COLLISION, 1);
        } else {
          System.out.println("chaos:   deadlock of the queue's own: " + line);
        }
      }
    }
  }

  private List<String> linesFrom(long from) throws IOException {
    try (Stream<String> lines = Files.lines(log, StandardCharsets.ISO_8859_1)) {
      return lines.skip(from).toList();
    }
  }

  private static long lines(Path file) throws IOException {
    try (Stream<String> lines = Files.lines(file, StandardCharsets.ISO_8859_1)) {
      return lines.count();
    }
  }

  @Override
  public void close() throws IOException {
    crowd.close();
  }
}
