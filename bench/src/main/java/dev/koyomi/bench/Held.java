package dev.koyomi.bench;

import dev.koyomi.bench.contender.Billing;
import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.KoyomiBatch;
import dev.koyomi.bench.contender.KoyomiUnits;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Turns;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Work for a fixed time while another session holds a snapshot, which keeps vacuum from every dead
 * row, beside the same without it. All jobs are stored before, more than can be done in that time.
 */
final class Held {
  private static final int SECONDS = Integer.getInteger("seconds", 60);

  /** One counted turn: the two parts of each row are minutes long. */
  private static final int TURNS = Integer.getInteger("turns", 1);

  /** `Each` is measured for so many times as long. */
  private static final int EACH = 5;

  private static final int TENTHS = 10;

  /** Jobs of a run, and subscriptions that there are invoices for. */
  private static final int RUN = 1_000_000;

  /** So much more than the best rate so far is stored, for a part that is faster. */
  private static final double MARGIN = 1.4;

  /** Where more than stored was done all the same: then the rate is known. */
  private static final int TRIES = 3;

  private static final String RAN_OUT = "the jobs ran out before the time";

  private static final Duration LOOK = Duration.ofMillis(5);

  private final Server server;

  /** The best rate of each kind so far. */
  private final Map<String, Double> best = new HashMap<>();

  private Held(Server server) {
    this.server = server;
  }

  /**
   * A kind of work.
   *
   * @param guess jobs a second that are stored for before anything is known
   */
  private record Kind(
      String name, Work work, KoyomiUnits units, String commit, int slots, int guess) {
    KoyomiBatch.Form form() {
      return new KoyomiBatch.Form(commit, slots, units.sql(work));
    }
  }

  private static final List<Kind> KINDS =
      List.of(
          new Kind("each", Work.INVOICE, KoyomiUnits.ONE, "{mode: Each}", 16, 15_000),
          new Kind("many", Work.INVOICE, KoyomiUnits.ONE, "{mode: Many, jobs: 50}", 4, 80_000),
          new Kind("chunk", Work.INVOICE, KoyomiUnits.SET, "{mode: Chunk}", 2, 120_000),
          new Kind("noop", Work.NOOP, KoyomiUnits.ONE, "{mode: Each}", 16, 150_000));

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      new Held(server).run();
    }
  }

  private void run() throws Exception {
    List<Turns.Entrant> entrants = new ArrayList<>();
    for (Kind kind : KINDS) {
      int seconds = kind.name.equals("each") ? EACH * SECONDS : SECONDS;
      entrants.add(new Turns.Entrant(kind.name, seconds, time -> both(kind, time)));
    }
    Turns turns =
        Turns.take(
            TURNS,
            entrants,
            result ->
                Report.told(result, "jobs/s without", "jobs/s with", "×", "last ÷ first tenth"));
    Report report =
        new Report(
            "Held: %d s, Each %d s, without and with a snapshot held elsewhere"
                .formatted(SECONDS, EACH * SECONDS),
            "",
            "jobs with it",
            "jobs/s without",
            "jobs/s with",
            "with ÷ without",
            "last ÷ first tenth, with",
            "last ÷ first tenth, without",
            "others");
    for (String name : turns.names()) {
      report.row(
          turns,
          name,
          Report.figure(turns.median(name, 0)),
          Report.figure(turns.median(name, 1)),
          Report.figure(turns.median(name, 2)),
          Report.figure(turns.median(name, 3)),
          Report.figure(turns.median(name, 4)));
    }
    report.print();
  }

  private Result both(Kind kind, int seconds) throws Exception {
    Part without = part(kind, seconds, false);
    Part with = part(kind, seconds, true);
    return new Result(
        with.jobs(),
        List.of(
            without.rate(),
            with.rate(),
            with.rate() / without.rate(),
            with.lastToFirst(),
            without.lastToFirst()),
        Math.max(with.others, without.others),
        without.wrong.or(() -> with.wrong));
  }

  /**
   * What one part reached.
   *
   * @param done jobs that had ended at the begin and at the end of each tenth
   * @param seconds when that was
   */
  private record Part(
      List<Long> done, List<Double> seconds, double others, Optional<String> wrong) {
    int jobs() {
      return (int) (done.getLast() - done.getFirst());
    }

    double rate() {
      return jobs() / (seconds.getLast() - seconds.getFirst());
    }

    double rate(int tenth) {
      return (done.get(tenth + 1) - done.get(tenth))
          / (seconds.get(tenth + 1) - seconds.get(tenth));
    }

    double lastToFirst() {
      return rate(TENTHS - 1) / rate(0);
    }

    String told() {
      List<String> rates = new ArrayList<>();
      for (int tenth = 0; tenth < TENTHS; tenth++) {
        rates.add(Report.figure(rate(tenth)));
      }
      return rates.stream().collect(Collectors.joining(" "));
    }
  }

  private Part part(Kind kind, int seconds, boolean held) throws Exception {
    Part part = once(kind, seconds, held);
    for (int tries = 1; tries < TRIES && part.wrong.equals(Optional.of(RAN_OUT)); tries++) {
      part = once(kind, seconds, held);
    }
    return part;
  }

  private Part once(Kind kind, int seconds, boolean held) throws Exception {
    DatabaseAddress database = server.freshDatabase();
    try (KoyomiBatch batch = KoyomiBatch.open(database, 4)) {
      Planned.Valid planned = batch.register(kind.form());
      if (kind.work == Work.INVOICE) {
        Billing.create(database, RUN);
        leaveToTheQueue(database);
      }
      double expected = best.getOrDefault(kind.name, (double) kind.guess);
      int runs = (int) Math.ceil(expected * MARGIN * seconds / RUN);
      for (int run = 0; run < runs; run++) {
        store(batch, planned);
      }
      server.settle();
      Part part;
      try (@Nullable Connection snapshot = held ? snapshot(database) : null) {
        part = worked(batch, planned, seconds);
      }
      best.merge(kind.name, part.rate(), Math::max);
      System.out.printf(
          "          %-6s %s a snapshot, jobs/s of each tenth: %s%n",
          kind.name, held ? "with   " : "without", part.told());
      return new Part(
          part.done,
          part.seconds,
          part.others,
          part.wrong.or(() -> wrong(batch, kind, database, runs)));
    }
  }

  /**
   * Autovacuum of the Unit's own tables comes once a minute and takes seconds of a core: in one of
   * the tenths, whichever, and with or without a snapshot. What is measured is the queue's tables.
   */
  private static void leaveToTheQueue(DatabaseAddress database) throws SQLException {
    try (Connection connection =
            DriverManager.getConnection(
                database.jdbcUrl(), database.username(), database.password());
        Statement statement = connection.createStatement()) {
      statement.execute("alter table invoice set (autovacuum_enabled = off)");
      statement.execute("alter table subscription set (autovacuum_enabled = off)");
    }
  }

  private static void store(KoyomiBatch batch, Planned.Valid planned) throws Exception {
    batch.enqueue(
        planned,
        List.of("subscriptionId", "billingDate"),
        "ns",
        sink -> {
          for (int id = 1; id <= RUN; id++) {
            String text = Integer.toString(id);
            sink.add(text, text, Contender.BILLING_DATE);
          }
        });
  }

  /** Holds a snapshot until it is closed. */
  private static Connection snapshot(DatabaseAddress database) throws SQLException {
    Connection connection =
        DriverManager.getConnection(database.jdbcUrl(), database.username(), database.password());
    connection.setAutoCommit(false);
    connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    try (Statement statement = connection.createStatement()) {
      statement.execute("select count(*) from koyomi.meta");
    }
    return connection;
  }

  private Part worked(KoyomiBatch batch, Planned.Valid planned, int seconds) throws Exception {
    List<Long> done = new ArrayList<>();
    List<Double> at = new ArrayList<>();
    try (Contender.Workers _ = batch.start(planned, true, KoyomiBatch.platformThreads())) {
      long jobs = batch.succeeded();
      while (jobs == 0) {
        Thread.sleep(LOOK);
        jobs = batch.succeeded();
      }
      Noise noise = server.noise();
      long begin = System.nanoTime();
      done.add(jobs);
      at.add(0.0);
      for (int tenth = 1; tenth <= TENTHS; tenth++) {
        long until = begin + Duration.ofSeconds(seconds).toNanos() * tenth / TENTHS;
        Thread.sleep(Duration.ofNanos(Math.max(1, until - System.nanoTime())));
        done.add(batch.succeeded());
        at.add((System.nanoTime() - begin) / 1e9);
      }
      return new Part(
          done, at, noise.cores(), batch.drained() ? Optional.of(RAN_OUT) : Optional.empty());
    }
  }

  private static Optional<String> wrong(
      KoyomiBatch batch, Kind kind, DatabaseAddress database, int runs) {
    try {
      long succeeded = batch.succeeded();
      long left = batch.left();
      if (succeeded + left != (long) runs * RUN) {
        return Optional.of(
            "%d jobs are done and %d are left of %d".formatted(succeeded, left, (long) runs * RUN));
      }
      return kind.work == Work.INVOICE
          ? Billing.wrong(database, succeeded, runs)
          : Optional.empty();
    } catch (SQLException failed) {
      throw new IllegalStateException(failed);
    }
  }
}
