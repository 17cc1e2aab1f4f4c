package dev.koyomi.runner.chaos;

import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Jdbi;

/**
 * One batch with its own rules is worked while everything that can happen to it does; then peace,
 * and the count.
 */
final class Episode implements AutoCloseable {
  private static final List<Fault> FAULTS = List.of(Fault.values());

  /** Faults that are under way at the same time. */
  private static final int HANDS = 4;

  private static final Duration PEACE = Duration.ofMinutes(3);

  private final Database database;
  private final Jdbi jdbi;
  private final Random random;
  private final Workload workload;
  private final Histogram histogram;
  private final Planned.Valid batch;
  private final Crowd crowd;
  private final AtomicInteger days = new AtomicInteger();

  Episode(
      Database database,
      Crowd crowd,
      Path manifest,
      Workload workload,
      Histogram histogram,
      Random random)
      throws Exception {
    this.database = database;
    this.jdbi = database.jdbi();
    this.crowd = crowd;
    this.workload = workload;
    this.histogram = histogram;
    this.random = random;
    Files.writeString(manifest, workload.manifest());
    this.batch = (Planned.Valid) Planner.plan(Manifests.read(workload.manifest()).getFirst());
  }

  /** Until the time is over, then in peace; what is broken afterwards. */
  List<String> play(Duration time) throws Exception {
    new Scene(jdbi).set(workload, random);
    new Batches(jdbi)
        .register(
            batch.plan().batch().toString(), "chaos", System.nanoTime(), batch.definition().json());
    crowd.fill(3);
    fire(false);
    long end = System.nanoTime() + time.toNanos();
    List<Thread> hands = new ArrayList<>();
    for (int hand = 0; hand < HANDS; hand++) {
      hands.add(Thread.ofPlatform().start(() -> harm(end)));
    }
    while (System.nanoTime() < end) {
      // Whatever a fault broke for us too is mended by the next look.
      attempt(this::keepBusy);
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
    }
    for (Thread hand : hands) {
      hand.join();
    }
    peace();
    count();
    System.out.printf(
        "chaos:   %d runs, %d jobs, %d effects, %d failures%n",
        one("select count(*) from koyomi.run"),
        one("select sum(size) from koyomi.chunk"),
        one("select count(*) from effect"),
        one("select count(*) from koyomi.failure"));
    return new Invariants(jdbi).broken(workload);
  }

  private interface Deed {
    void run() throws Exception;
  }

  private static boolean attempt(Deed deed) {
    try {
      deed.run();
      return true;
    } catch (Exception away) {
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
      return false;
    }
  }

  private void harm(long end) {
    while (System.nanoTime() < end) {
      attempt(this::round);
      LockSupport.parkNanos(Duration.ofMillis(random.nextInt(40)).toNanos());
    }
  }

  private void keepBusy() throws Exception {
    crowd.fill(3);
    if (one(
            "select count(*) from koyomi.run where state in ('Selecting', 'Running') and open_until"
                + " is null")
        < 2) {
      fire(false);
    }
  }

  private void round() throws Exception {
    Fault fault = FAULTS.get(random.nextInt(FAULTS.size()));
    boolean hit =
        switch (fault) {
          case KILL -> onBusy(member -> member.process.destroyForcibly().waitFor());
          case FREEZE -> freeze();
          case CUT ->
              onBusy(
                  member -> {
                    member.wire.cut();
                    LockSupport.parkNanos(Duration.ofMillis(random.nextInt(300)).toNanos());
                    member.wire.mend();
                  });
          case SLOW ->
              onBusy(
                  member -> {
                    member.wire.delay(Duration.ofMillis(20));
                    LockSupport.parkNanos(Duration.ofMillis(300).toNanos());
                    member.wire.delay(Duration.ZERO);
                  });
          case DATABASE_CRASH -> random.nextInt(4) == 0 && crash();
          case CLOCK_JUMP ->
              onBusy(member -> member.jump(Duration.ofSeconds(random.nextInt(7200) - 3600)));
          case CANCEL_RUN ->
              random.nextInt(2) == 0
                  && leasedRun()
                      .map(run -> did("select koyomi.cancel_run(%d, 'chaos')".formatted(run)))
                      .orElse(false);
          case CANCEL_JOBS -> cancelJobs();
          case PAUSE -> pause();
          case REFRESH -> !workload.ordered() && selectAgain();
          case REDRIVE -> !workload.ordered() && redrive();
          case DOUBLE_FIRING -> fire(true);
          case TRIGGER_KILLED -> triggerKilled();
          case KILLED_AT_COMMIT -> killedAtCommit();
          // These happen by themselves, at the rates of the table failpoint, and are counted at the
          // end.
          case COLLISION, SPLIT, LOST_AT_COMMIT, FAILED_AT_COMMIT -> false;
        };
    if (hit) {
      histogram.hit(fault, 1);
    }
  }

  private interface Harm {
    void to(Crowd.Member member) throws Exception;
  }

  /** Only a worker that holds work is worth it. */
  private boolean onBusy(Harm harm) throws Exception {
    Optional<Crowd.Member> member = busy();
    if (member.isPresent()) {
      harm.to(member.get());
    }
    return member.isPresent();
  }

  private Optional<Crowd.Member> busy() {
    List<String> pods =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        "select w.pod from koyomi.slice s join koyomi.worker w on w.id ="
                            + " s.worker_id where s.lease is not null order by random() limit 1")
                    .mapTo(String.class)
                    .list());
    return crowd.all().stream().filter(member -> pods.contains(member.name)).findAny();
  }

  private boolean freeze() throws Exception {
    Optional<Crowd.Member> busy = busy();
    if (busy.isEmpty()) {
      return false;
    }
    Crowd.Member member = busy.get();
    member.signal("STOP");
    String lost =
        "select count(*) from koyomi.worker where pod = '%s' and lost_at is not null"
            .formatted(member.name);
    long before = one(lost);
    boolean takenOver = false;
    for (int look = 0; look < 100 && !takenOver; look++) {
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
      takenOver = one(lost) > before;
    }
    member.signal("CONT");
    return takenOver;
  }

  /** One backend is killed, so the server restarts them all and recovers from its log. */
  private boolean crash() throws Exception {
    if (one("select count(*) from koyomi.slice where lease is not null") == 0) {
      return false;
    }
    long pid =
        one(
            "select pid from pg_stat_activity where application_name like 'koyomi chaos/work%'"
                + " limit 1");
    if (pid == 0) {
      return false; // and not a signal to 0, which is everybody of this process group
    }
    new ProcessBuilder("kill", "-9", Long.toString(pid)).start().waitFor();
    return true;
  }

  private Optional<Long> leasedRun() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "select run_id from koyomi.slice where lease is not null order by random()"
                        + " limit 1")
                .mapTo(Long.class)
                .findOne());
  }

  private boolean did(String sql) {
    jdbi.useHandle(handle -> handle.execute(sql));
    return true;
  }

  private boolean cancelJobs() {
    List<String> keys =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        "select c.keys[coalesce(s.ordinals[s.position + 1], s.position) + 1] from"
                            + " koyomi.slice s join koyomi.chunk c on c.id = s.chunk_id where"
                            + " s.lease is not null order by random() limit 3")
                    .mapTo(String.class)
                    .list());
    if (keys.isEmpty()) {
      return false;
    }
    return jdbi.withHandle(
            handle ->
                handle
                    .createQuery("select koyomi.cancel_jobs(1, null, :keys, '{}')")
                    .bindArray("keys", String.class, keys)
                    .mapTo(Integer.class)
                    .one())
        > 0;
  }

  private boolean pause() {
    boolean busy = one("select count(*) from koyomi.slice where lease is not null") > 0;
    did("select koyomi.pause(1, 'chaos', 'to see')");
    LockSupport.parkNanos(Duration.ofMillis(random.nextInt(300)).toNanos());
    did("select koyomi.resume(1)");
    return busy;
  }

  private boolean redrive() {
    return one(
            "select coalesce(sum(koyomi.retry_dead(id, null, null)), 0) from (select distinct r.id"
                + " from koyomi.run r join koyomi.dead d on d.run_id = r.id where r.state <>"
                + " 'Cancelled' and d.discarded_at is null limit 1) x")
        > 0;
  }

  /** Clears what waits of a run and selects its targets a second time. */
  private boolean selectAgain() throws Exception {
    Optional<Long> run = leasedRun();
    if (run.isEmpty() || random.nextInt(3) > 0) {
      return false;
    }
    new Again(database, batch.plan()).select(run.get());
    return true;
  }

  private boolean enoughRuns() {
    return one(
            "select count(*) from koyomi.run where state in ('Selecting', 'Running') and open_until"
                + " is null")
        >= 3;
  }

  private boolean fire(boolean twice) {
    if (enoughRuns()) {
      return false;
    }
    LocalDate day = LocalDate.of(2026, 1, 1).plusDays(days.getAndIncrement());
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < (twice ? 2 : 1); i++) {
      threads.add(Thread.ofVirtual().start(() -> attempt(() -> trigger(day))));
    }
    threads.forEach(Episode::join);
    return twice;
  }

  private static void join(Thread thread) {
    try {
      thread.join(Duration.ofSeconds(30));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void trigger(LocalDate day) throws InterruptedException {
    Plan plan = batch.plan();
    new TriggerRun(database, plan, batch.definition().revision(), "chaos-trigger", Thread::sleep)
        .fire(
            new Fired.Request("day-" + day, day.atTime(12, 0).toInstant(java.time.ZoneOffset.UTC)));
  }

  /** Its session ends in the middle of the selection and its heart stops: as a killed pod's. */
  private boolean triggerKilled() throws Exception {
    if (enoughRuns()) {
      return false;
    }
    LocalDate day = LocalDate.of(2026, 1, 1).plusDays(days.getAndIncrement());
    did("update failpoint set selecting = 0.02");
    try {
      Thread trigger = Thread.ofVirtual().start(() -> attempt(() -> trigger(day)));
      boolean killed = false;
      for (int look = 0; look < 100 && trigger.isAlive() && !killed; look++) {
        LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
        killed =
            one(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like"
                        + " '%slow_select%' and state = 'active' and pid <> pg_backend_pid()")
                > 0;
      }
      did("update failpoint set selecting = 0");
      join(trigger);
      return killed;
    } finally {
      did("update failpoint set selecting = 0");
    }
  }

  private boolean killedAtCommit() throws Exception {
    did("update failpoint set sleeping = 0.01");
    try {
      for (int look = 0; look < 60; look++) {
        Optional<String> pod =
            jdbi.withHandle(
                handle ->
                    handle
                        .createQuery(
                            """
                            select w.pod from pg_stat_activity a
                              join koyomi.worker w on w.id = (regexp_match(a.application_name, ' worker ([0-9]+) '))[1]::bigint
                              where a.wait_event = 'PgSleep' limit 1
                            """)
                        .mapTo(String.class)
                        .findOne());
        if (pod.isPresent()) {
          for (Crowd.Member member : crowd.all()) {
            if (member.name.equals(pod.get())) {
              member.process.destroyForcibly().waitFor();
              return true;
            }
          }
        }
        LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
      }
      return false;
    } finally {
      did("update failpoint set sleeping = 0");
    }
  }

  /** Nothing happens any more, and everything comes to its end. */
  private void peace() throws Exception {
    long end = System.nanoTime() + PEACE.toNanos();
    crowd.heal();
    while (!attempt(
        () ->
            did(
                "update failpoint set collision = 0, lost = 0, failed = 0, sleeping = 0, selecting"
                    + " = 0"))) {
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
    }
    did("select koyomi.resume(1)");
    while (System.nanoTime() < end) {
      crowd.fill(3);
      attempt(this::takeUpSelections);
      attempt(() -> did("select koyomi.resume_lanes(1, null)"));
      if (one(
                  "select count(*) from koyomi.run where state in ('Selecting', 'Running') and"
                      + " open_until is null")
              == 0
          && one("select count(*) from koyomi.slice") == 0) {
        return;
      }
      LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
    }
  }

  /** Who died while selecting is followed by another firing of the same, as its Job would be. */
  private void takeUpSelections() throws InterruptedException {
    List<String> requests =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        "select request from koyomi.run where state = 'Selecting' and request like"
                            + " 'day-%'")
                    .mapTo(String.class)
                    .list());
    for (String request : requests) {
      trigger(LocalDate.parse(request.substring("day-".length())));
    }
  }

  private void count() {
    histogram.hit(
        Fault.COLLISION,
        one("select case when is_called then last_value else 0 end from hit_collision"));
    histogram.hit(
        Fault.LOST_AT_COMMIT,
        one("select case when is_called then last_value else 0 end from hit_lost"));
    histogram.hit(
        Fault.FAILED_AT_COMMIT,
        one("select case when is_called then last_value else 0 end from hit_failed"));
    histogram.hit(
        Fault.SPLIT, one("select case when is_called then last_value else 0 end from hit_split"));
  }

  private long one(String sql) {
    return jdbi.withHandle(
        handle -> handle.createQuery(sql).mapTo(Long.class).findOne().orElse(0L));
  }

  @Override
  public void close() throws IOException {
    crowd.close();
  }
}
