package dev.koyomi.bench;

import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.KoyomiBatch;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.TimedCalls;
import dev.koyomi.bench.measure.Turns;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.queue.Selection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Jobs in the order of their keys, by 256 lanes, beside the same jobs in any order: 20,000 slices
 * of 500 jobs, which each leave a row. Once the lanes have about as many jobs each, once half of
 * all are in one lane. Also how long a worker waits for a lease, and whether each lane's rows came
 * in its order.
 */
final class Lanes {
  private static final int JOBS = 10_000_000;
  private static final int SLOTS = 16;
  private static final int LANES = 256;

  /** The part of the jobs that the hot lane has. */
  private static final int HOT = 2;

  /** Keys of the hot lane; each run has one job for each. */
  private static final int HOT_KEYS = 20_000;

  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(10);

  private static final String LEASE = "koyomi.lease";
  private static final String NEXT = "koyomi.next_in_lane";

  private static final String ORDERED = "{mode: FifoByKey, lanes: %d}".formatted(LANES);
  private static final String UNORDERED = "{mode: Unordered}";

  private static final String SQL =
      """
      INSERT INTO effect (key, n)
      SELECT name, n FROM koyomi.jobs() AS job(name text, n bigint)
      """;

  private final Server server;
  private final TimedCalls calls;

  private Lanes(Server server, TimedCalls calls) {
    this.server = server;
    this.calls = calls;
  }

  public static void main(String[] arguments) throws Exception {
    TimedCalls calls = TimedCalls.of(LEASE, NEXT);
    try (Server server = Server.start()) {
      new Lanes(server, calls).run(Sizes.orElse(JOBS));
    }
  }

  private void run(Sizes sizes) throws Exception {
    Turns turns =
        Turns.take(
            sizes.turns(),
            List.of(
                new Turns.Entrant("unordered", sizes.jobs(), jobs -> worked(UNORDERED, jobs, 0)),
                new Turns.Entrant("even", sizes.jobs(), jobs -> worked(ORDERED, jobs, 0)),
                new Turns.Entrant("hot", sizes.jobs(), jobs -> worked(ORDERED, jobs, jobs / HOT))),
            result ->
                Report.told(
                    result, "jobs/s", "slices/s", "ms a lease p50", "ms p99", "ms at most"));
    Report report =
        new Report(
            "Lanes: FifoByKey with %d lanes, %d slots, medians".formatted(LANES, SLOTS),
            "",
            "jobs",
            "jobs/s",
            "÷ " + turns.first(),
            "slices/s",
            "ms a lease, p50",
            "p99",
            "at most",
            "others");
    for (String name : turns.names()) {
      report.row(
          turns,
          name,
          Report.figure(turns.median(name, 0)),
          Report.figure(turns.multiple(name, 0, turns.first())),
          Report.figure(turns.median(name, 1)),
          Report.figure(turns.median(name, 2)),
          Report.figure(turns.median(name, 3)),
          Report.figure(turns.median(name, 4)));
    }
    report.print();
  }

  /**
   * @param hot so many of the jobs have keys of one lane
   */
  private Result worked(String order, int jobs, int hot) throws Exception {
    try (KoyomiBatch batch = KoyomiBatch.open(server.freshDatabase(), 4)) {
      batch.execute("create table effect (at bigserial, key text not null, n bigint not null)");
      Planned.Valid planned =
          batch.register(new KoyomiBatch.Form(order, "{mode: Chunk}", SLOTS, SQL));
      int stored = store(batch, planned, jobs - hot, hot);
      long slices = batch.number("select count(*) from koyomi.slice");
      server.settle();
      calls.forget();
      Noise noise = server.noise();
      double seconds;
      try (Contender.Workers _ = batch.start(planned, true, KoyomiBatch.platformThreads())) {
        while (!batch.drained()) {
          Thread.sleep(BETWEEN_LOOKS);
        }
        seconds = Duration.between(batch.begun(), Instant.now()).toNanos() / 1e9;
      }
      double others = noise.cores();
      List<Double> leases = calls.calls().stream().map(TimedCalls.Call::millis).toList();
      return new Result(
          stored,
          List.of(
              stored / seconds,
              slices / seconds,
              TimedCalls.percentile(leases, 50),
              TimedCalls.percentile(leases, 99),
              TimedCalls.percentile(leases, 100)),
          others,
          wrong(batch, order, stored));
    }
  }

  /** Stores jobs with many keys, then runs with the keys of one lane. */
  private static int store(KoyomiBatch batch, Planned.Valid planned, int even, int hot)
      throws SQLException, Selection.Refused {
    enqueue(
        batch,
        planned,
        sink -> {
          for (int n = 1; n <= even; n++) {
            String text = Integer.toString(n);
            sink.add(text, text, text);
          }
        });
    int stored = even;
    List<String> keys = hot == 0 ? List.of() : hotKeys(batch, Math.min(hot, HOT_KEYS));
    while (stored < even + hot) {
      int from = stored;
      enqueue(
          batch,
          planned,
          sink -> {
            for (int i = 0; i < keys.size(); i++) {
              sink.add(keys.get(i), keys.get(i), Integer.toString(from + i + 1));
            }
          });
      stored += keys.size();
    }
    return stored;
  }

  private static void enqueue(KoyomiBatch batch, Planned.Valid planned, Selection.Rows rows)
      throws SQLException, Selection.Refused {
    batch.enqueue(planned, List.of("name", "n"), "sn", rows);
  }

  private static List<String> hotKeys(KoyomiBatch batch, int keys) {
    return batch
        .database()
        .jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery(
                        """
                        select 'hot' || g from generate_series(1, :candidates) as g
                          where koyomi.lane_of('hot' || g, :lanes) = 0 order by g limit :keys
                        """)
                    .bind("candidates", (long) keys * LANES * 2)
                    .bind("lanes", LANES)
                    .bind("keys", keys)
                    .mapTo(String.class)
                    .list());
  }

  private static Optional<String> wrong(KoyomiBatch batch, String order, int stored)
      throws SQLException {
    List<String> wrong = new ArrayList<>();
    long effects = batch.number("select count(*) from effect");
    long distinct = batch.number("select count(distinct n) from effect");
    if (effects != stored || distinct != stored) {
      wrong.add("%d effects of %d jobs after %d".formatted(effects, distinct, stored));
    }
    long outOfOrder =
        order.equals(UNORDERED)
            ? 0
            : batch.number(
                """
                select count(*) from (
                  select n, lag(n) over (partition by koyomi.lane_of(key, %d) order by at) as before from effect) e
                where n < before
                """
                    .formatted(LANES));
    if (outOfOrder > 0) {
      wrong.add("%d jobs ran before one that was enqueued earlier".formatted(outOfOrder));
    }
    return wrong.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", wrong));
  }
}
