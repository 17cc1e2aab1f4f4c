package dev.koyomi.bench;

import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.KoyomiBatch;
import dev.koyomi.bench.contender.KoyomiUnits;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.TimedCalls;
import dev.koyomi.bench.measure.Turns;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * One run of very many jobs: what it costs to ask how far it is while half of it is done and its
 * worker goes on, and how long its end takes when the last job is done.
 */
final class Large {
  private static final int JOBS = 10_000_000;
  private static final int ASKED = 40;
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(50);

  /** What closes a run after its last slice. */
  private static final String FINISH = "koyomi.finish";

  private final Server server;
  private final TimedCalls calls;

  private Large(Server server, TimedCalls calls) {
    this.server = server;
    this.calls = calls;
  }

  public static void main(String[] arguments) throws Exception {
    TimedCalls calls = TimedCalls.of(FINISH);
    try (Server server = Server.start()) {
      new Large(server, calls).run(Sizes.orElse(JOBS));
    }
  }

  private void run(Sizes sizes) throws Exception {
    Turns turns =
        Turns.take(
            sizes.turns(),
            List.of(
                new Turns.Entrant("koyomi-many", sizes.jobs(), jobs -> worked(Mode.MANY, jobs)),
                new Turns.Entrant("koyomi-chunk", sizes.jobs(), jobs -> worked(Mode.CHUNK, jobs))),
            result ->
                Report.told(
                    result, "ms to ask, p50", "ms at most", "ms to close", "jobs/s in all"));
    Report report =
        new Report(
            "Large: one run; asked %d times while half of it is done".formatted(ASKED),
            "",
            "jobs",
            "ms to ask, p50",
            "ms at most",
            "ms to close",
            "jobs/s",
            "others");
    for (String name : turns.names()) {
      report.row(
          turns,
          name,
          Report.figure(turns.median(name, 0)),
          Report.figure(turns.median(name, 1)),
          Report.figure(turns.median(name, 2)),
          Report.figure(turns.median(name, 3)));
    }
    report.print();
  }

  private enum Mode {
    MANY("{mode: Many, jobs: 50}", KoyomiUnits.ONE, 4),
    CHUNK("{mode: Chunk}", KoyomiUnits.SET, 2);

    private final String commit;
    private final KoyomiUnits units;
    private final int slots;

    Mode(String commit, KoyomiUnits units, int slots) {
      this.commit = commit;
      this.units = units;
      this.slots = slots;
    }
  }

  private Result worked(Mode mode, int jobs) throws Exception {
    try (KoyomiBatch batch = KoyomiBatch.open(server.freshDatabase(), 4)) {
      Planned.Valid planned =
          batch.register(new KoyomiBatch.Form(mode.commit, mode.slots, mode.units.sql(Work.NOOP)));
      long run =
          batch.enqueue(
              planned,
              List.of("subscriptionId"),
              "n",
              sink -> {
                for (int id = 1; id <= jobs; id++) {
                  String text = Integer.toString(id);
                  sink.add(text, text);
                }
              });
      server.settle();
      calls.forget();
      Noise noise = server.noise();
      List<Double> asked;
      double closed;
      double seconds;
      try (Contender.Workers _ = batch.start(planned, true, KoyomiBatch.platformThreads())) {
        awaitHalf(batch, jobs);
        asked = asked(batch, run);
        await(() -> batch.number("select count(*) from koyomi.run where ended_at is null") == 0);
        Instant lastDone = lastDone(batch);
        closed = Duration.between(lastDone, closingAnswered(lastDone)).toNanos() / 1e6;
        seconds = Duration.between(batch.begun(), lastDone).toNanos() / 1e9;
      }
      return new Result(
          jobs,
          List.of(
              TimedCalls.percentile(asked, 50),
              TimedCalls.percentile(asked, 100),
              closed,
              jobs / seconds),
          noise.cores(),
          Optional.of(batch.succeeded())
              .filter(succeeded -> succeeded != jobs)
              .map(succeeded -> "%d of %d jobs succeeded".formatted(succeeded, jobs)));
    }
  }

  private static void awaitHalf(KoyomiBatch batch, int jobs) throws Exception {
    await(() -> batch.succeeded() >= jobs / 2);
  }

  private interface Condition {
    boolean holds() throws SQLException;
  }

  private static void await(Condition condition) throws Exception {
    while (!condition.holds()) {
      Thread.sleep(BETWEEN_LOOKS);
    }
  }

  /** Milliseconds of each time that the progress was asked as `dev` and `runs` do. */
  private static List<Double> asked(KoyomiBatch batch, long run) {
    History history = new History(batch.database().jdbi());
    List<Double> millis = new ArrayList<>();
    for (int i = 0; i < ASKED; i++) {
      long begin = System.nanoTime();
      RunRow _ = history.run(run).orElseThrow();
      millis.add((System.nanoTime() - begin) / 1e6);
    }
    return millis;
  }

  private static Instant lastDone(KoyomiBatch batch) throws SQLException {
    return Instant.EPOCH.plusNanos(
        1000
            * batch.number(
                "select (extract(epoch from max(ended_at)) * 1e6)::bigint from koyomi.work"));
  }

  /** The first answer after the last job that closed the run. */
  private Instant closingAnswered(Instant lastDone) {
    return calls.calls().stream()
        .map(TimedCalls.Call::answered)
        .filter(answered -> answered.isAfter(lastDone))
        .max(Comparator.naturalOrder())
        .orElse(Instant.now());
  }
}
