package dev.koyomi.runner.chaos;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Reselection;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** One hand that does harm, one fault after another, in an order that its seed decides. */
final class Mischief {
  private final Crowd crowd;
  private final Firings firings;
  private final boolean ordered;
  private final List<Fault> faults;
  private final Random random;
  private final Sql sql;

  /**
   * @param which of the faults it does, as often as each is to be tried
   */
  Mischief(
      Database database,
      Crowd crowd,
      Firings firings,
      boolean ordered,
      Predicate<Fault> which,
      Random random) {
    this.crowd = crowd;
    this.firings = firings;
    this.ordered = ordered;
    this.faults =
        Arrays.stream(Fault.values())
            .filter(which)
            .flatMap(fault -> Stream.generate(() -> fault).limit(fault.tries()))
            .toList();
    this.random = random;
    this.sql = new Sql(database.jdbi());
  }

  /** Does the next fault; empty when it hit nobody's work. */
  Optional<Fault> next() throws Exception {
    Fault fault = faults.get(random.nextInt(faults.size()));
    return hits(fault) ? Optional.of(fault) : Optional.empty();
  }

  private boolean hits(Fault fault) throws Exception {
    return switch (fault) {
      case KILL -> onBusy(member -> member.process.destroyForcibly().waitFor());
      case FREEZE -> freeze();
      case CUT -> onBusy(this::cut);
      case SLOW -> onBusy(Mischief::slow);
      case DATABASE_CRASH -> crash();
      case CLOCK_JUMP ->
          onBusy(member -> member.jump(Duration.ofSeconds(random.nextInt(7200) - 3600)));
      case CANCEL_RUN -> cancelRun();
      case CANCEL_JOBS -> cancelJobs();
      case PAUSE -> pause();
      // What is selected or tried again is out of its order by intention.
      case REFRESH -> !ordered && selectAgain();
      case REDRIVE -> !ordered && leased() > 0 && redrive();
      case DOUBLE_FIRING -> leased() > 0 && firings.fire(2);
      case TRIGGER_KILLED -> firings.fireAndKill();
      case TRIGGER_FROZEN -> firings.fireAndFreeze();
      case KILLED_AT_COMMIT -> killedAtCommit();
      case COLLISION, SPLIT, LOST_AT_COMMIT, FAILED_AT_COMMIT -> false;
    };
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
        sql.texts(
            "select w.pod from koyomi.slice s join koyomi.worker w on w.id = s.worker_id where"
                + " s.lease is not null order by random() limit 1");
    return crowd.all().stream().filter(member -> pods.contains(member.name)).findAny();
  }

  private void cut(Crowd.Member member) {
    member.wire.cut();
    pause(random.nextInt(300));
    member.wire.mend();
  }

  private static void slow(Crowd.Member member) {
    member.wire.delay(Duration.ofMillis(20));
    pause(300);
    member.wire.delay(Duration.ZERO);
  }

  /**
   * It comes back while another works its slice, if that can be had: with it only the fence is
   * between them.
   */
  private boolean freeze() {
    Optional<Crowd.Member> busy = busy();
    if (busy.isEmpty()) {
      return false;
    }
    Crowd.Member member = busy.get();
    String lost =
        "select count(*) from koyomi.worker where pod = '%s' and lost_at is not null"
            .formatted(member.name);
    long before = sql.number(lost);
    member.signal("STOP");
    try {
      String held =
          sql.text(
                  "select string_agg(s.id::text, ',') from koyomi.slice s join koyomi.worker w on"
                      + " w.id = s.worker_id where w.pod = '%s'".formatted(member.name))
              .orElse("0");
      String waiting =
          "select (count(*) > 0 and count(w.id) = 0)::int from koyomi.slice s left join"
              + " koyomi.worker w on w.id = s.worker_id and w.pod <> '%s' where s.id in (%s)"
                  .formatted(member.name, held);
      boolean takenOver = false;
      boolean wakes = false;
      for (int look = 0; look < 200 && !wakes; look++) {
        pause(50);
        takenOver = takenOver || sql.number(lost) > before;
        wakes = takenOver && sql.number(waiting) == 0;
      }
      // Killed meanwhile by another hand, it does not come back.
      return takenOver && member.process.isAlive();
    } finally {
      member.signal("CONT");
    }
  }

  /** One backend is killed, so the server restarts them all and recovers from its log. */
  private boolean crash() throws IOException, InterruptedException {
    if (leased() == 0) {
      return false;
    }
    long pid =
        sql.number(
            "select pid from pg_stat_activity where application_name like 'koyomi chaos/work%'"
                + " limit 1");
    if (pid == 0) {
      return false; // and not a signal to 0, which is everybody of this process group
    }
    new ProcessBuilder("kill", "-9", Long.toString(pid)).start().waitFor();
    return true;
  }

  private boolean cancelRun() {
    // Rather one with jobs that wait for their next attempt: they end in another way.
    Optional<Long> run =
        leasedRun("exists (select from koyomi.failure f where f.run_id = r.id and not f.cut)")
            .or(() -> leasedRun("true"));
    return run.isPresent()
        && sql.number("select koyomi.cancel_run(%d, 'chaos')::int".formatted(run.get())) > 0;
  }

  private long leased() {
    return sql.number("select count(*) from koyomi.slice where lease is not null");
  }

  private Optional<Long> leasedRun(String which) {
    return sql.text(
            "select r.id from koyomi.slice s join koyomi.run r on r.id = s.run_id where s.lease is"
                + " not null and %s order by random() limit 1".formatted(which))
        .map(Long::valueOf);
  }

  private boolean cancelJobs() {
    List<String> keys =
        sql.texts(
            "select c.keys[coalesce(s.ordinals[s.position + 1], s.position) + 1] from koyomi.slice"
                + " s join koyomi.chunk c on c.id = s.chunk_id where s.lease is not null order by"
                + " random() limit 3");
    return !keys.isEmpty()
        && sql.number(
                "select koyomi.cancel_jobs(1, null, '{%s}', '{}')"
                    .formatted(String.join(",", keys)))
            > 0;
  }

  private boolean pause() {
    boolean busy = leased() > 0;
    sql.run("select koyomi.pause(1, 'chaos', 'to see')");
    pause(random.nextInt(300));
    sql.run("select koyomi.resume(1)");
    return busy;
  }

  private boolean redrive() {
    return sql.number(
            "select koyomi.retry_dead(r.id, null, null) from koyomi.run r where r.state in"
                + " ('Running', 'PartiallyFailed', 'Failed') and exists (select from koyomi.dead d"
                + " where d.run_id = r.id and d.discarded_at is null) order by random() limit 1")
        > 0;
  }

  /** Selects once more for a run: what it has not done, or that and what is waiting. */
  private boolean selectAgain() throws Exception {
    Optional<Long> run = leasedRun("open_until is null");
    return run.isPresent()
        && firings.again(run.get(), random.nextBoolean() ? Reselection.Refresh : Reselection.Rest);
  }

  private boolean killedAtCommit() throws InterruptedException {
    sql.run("update failpoint set sleeping = 0.01");
    try {
      for (int look = 0; look < 60; look++) {
        Optional<String> pod =
            sql.text(
                """
                select w.pod from pg_stat_activity a
                  join koyomi.worker w on w.id = (regexp_match(a.application_name, ' worker ([0-9]+) '))[1]::bigint
                  where a.application_name like '% committing' limit 1
                """);
        for (Crowd.Member member : crowd.all()) {
          if (member.name.equals(pod.orElse(""))) {
            member.process.destroyForcibly().waitFor();
            return true;
          }
        }
        pause(5);
      }
      return false;
    } finally {
      sql.run("update failpoint set sleeping = 0");
    }
  }

  private static void pause(int millis) {
    LockSupport.parkNanos(Duration.ofMillis(millis).toNanos());
  }
}
