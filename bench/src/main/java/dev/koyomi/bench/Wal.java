package dev.koyomi.bench;

import dev.koyomi.bench.contender.Entry;
import dev.koyomi.bench.contender.Unit;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Bytes of write-ahead log for one no-op job, and dead rows that the work leaves to vacuum. */
final class Wal {
  private static final int JOBS = 100_000;

  /** Whose figures the others' are divided by. */
  private static final String COMPARED = "db-scheduler";

  private static final double MILLION = 1e6;
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration LOOK = Duration.ofMillis(50);

  private final Server server;

  private Wal(Server server) {
    this.server = server;
  }

  public static void main(String[] arguments) throws Exception {
    // Vacuum neither writes into the log meanwhile nor takes dead rows away.
    try (Server server = Server.start(Map.of("autovacuum", "off"))) {
      new Wal(server).run(Sizes.orElse(JOBS));
    }
  }

  private void run(Sizes sizes) throws Exception {
    List<Turns.Entrant> entrants =
        Entry.ALL.stream()
            .map(
                entry ->
                    new Turns.Entrant(
                        entry.title(),
                        entry.role() != Entry.Role.VARIANT,
                        entry.jobs(sizes.jobs()),
                        jobs -> enqueuedAndDrained(entry, jobs)))
            .toList();
    report(
        Turns.take(
            sizes.turns(),
            entrants,
            result ->
                Report.told(
                    result, "B to enqueue", "B to drain", "B", "dead rows a million jobs")));
  }

  private Result enqueuedAndDrained(Entry entry, int jobs) throws Exception {
    long enqueued;
    long drained;
    double others;
    Optional<String> wrong;
    try (Stage stage = Stage.open(server, entry);
        Unit unit = stage.unit(Work.NOOP, jobs)) {
      Noise noise = stage.quiet();
      long begin = written();
      stage.contender().enqueueAll(jobs);
      enqueued = written() - begin;
      server.settle();
      begin = written();
      Draining.seconds(stage.contender(), unit, jobs);
      drained = written() - begin;
      others = noise.cores();
      wrong = Draining.wrong(stage, unit, jobs);
    }
    return new Result(
        jobs,
        List.of(
            (double) enqueued / jobs,
            (double) drained / jobs,
            (double) (enqueued + drained) / jobs,
            deadRows() * MILLION / jobs),
        others,
        wrong);
  }

  private long written() throws SQLException {
    return server.number("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn");
  }

  /** A session reports what it left dead when it ends, at the latest: all have to be gone. */
  private long deadRows() throws SQLException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (server.number(
            """
            select count(*) from pg_stat_activity
            where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
            """)
        > 0) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("The contender still has sessions after its end.");
      }
      Thread.sleep(LOOK);
    }
    return server.number(
        """
        select coalesce(sum(n_dead_tup), 0) from pg_stat_all_tables
        where schemaname not in ('pg_catalog', 'information_schema') and relname not in ('subscription', 'invoice')
        """);
  }

  private static void report(Turns turns) {
    String other = turns.names().contains(COMPARED) ? COMPARED : turns.first();
    Report report =
        new Report(
            "Wal: of a no-op job, medians",
            "",
            "jobs",
            "B to enqueue",
            "B to drain",
            "B together",
            "÷ %s's".formatted(other),
            "dead rows a million jobs",
            "÷ %s's".formatted(other),
            "others");
    for (String name : turns.names()) {
      report.row(
          turns,
          name,
          Report.figure(turns.median(name, 0)),
          Report.figure(turns.median(name, 1)),
          Report.figure(turns.median(name, 2)),
          Report.figure(turns.multiple(name, 2, other)),
          Report.figure(turns.median(name, 3)),
          Report.figure(turns.multiple(name, 3, other)));
    }
    report.print();
  }
}
