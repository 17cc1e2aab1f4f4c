package dev.koyomi.bench;

import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.Tally;
import dev.koyomi.bench.contender.Unit;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * How long one job waits for idle workers: from the return of the call that stored it to the first
 * line of its handler. Below zero when the handler was faster than the way back to the caller.
 */
final class PickUp {
  private static final int JOBS = 40;

  /** Longer than the slowest poll: the workers have asked at least once. */
  private static final Duration IDLE = Duration.ofSeconds(6);

  private static final Duration PATIENCE = Duration.ofSeconds(15);
  private static final Duration LOOK = Duration.ofMillis(50);
  private static final int LEAST_GAP_MILLIS = 200;
  private static final int MOST_GAP_MILLIS = 500;

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Turns turns = Stage.turns(server, Sizes.orElse(JOBS), PickUp::oneAtATime, PickUp::told);
      report(turns);
    }
  }

  private static String told(Result result) {
    return "%12s ms p50  %12s ms p95"
        .formatted(
            Report.figure(percentile(result.figures(), 50)),
            Report.figure(percentile(result.figures(), 95)));
  }

  private static Result oneAtATime(Stage stage, int jobs) throws Exception {
    try (Unit unit = stage.unit(Work.NOOP, jobs)) {
      RandomGenerator random = RandomGenerator.getDefault();
      Noise noise = stage.quiet();
      try (Contender.Workers _ = stage.contender().start(unit)) {
        Thread.sleep(IDLE);
        List<Long> returned = new ArrayList<>();
        for (int id = 1; id <= jobs; id++) {
          Thread.sleep(random.nextInt(LEAST_GAP_MILLIS, MOST_GAP_MILLIS + 1));
          stage.contender().enqueueOne(id);
          returned.add(System.nanoTime());
        }
        awaitEnd(unit.tally(), jobs);
        List<Double> waits = new ArrayList<>();
        for (int id = 1; id <= jobs; id++) {
          waits.add((unit.tally().start(id) - returned.get(id - 1)) / 1e6);
        }
        return new Result(jobs, waits, noise.cores(), unit.tally().wrong());
      }
    }
  }

  private static void awaitEnd(Tally tally, int jobs) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (tally.endedJobs() < jobs && System.nanoTime() < deadline) {
      Thread.sleep(LOOK);
    }
  }

  private static void report(Turns turns) {
    Report report =
        new Report(
            "PickUp: idle workers, one job at a time, milliseconds",
            "",
            "jobs a turn",
            "p50",
            "p95",
            "p99",
            "p50 ÷ %s's".formatted(turns.first()),
            "others");
    double first = percentile(waits(turns, turns.first()), 50);
    for (String name : turns.names()) {
      List<Double> waits = waits(turns, name);
      report.row(
          turns,
          name,
          Report.figure(percentile(waits, 50)),
          Report.figure(percentile(waits, 95)),
          Report.figure(percentile(waits, 99)),
          Report.figure(percentile(waits, 50) / first));
    }
    report.print();
  }

  /** Those of all turns together. */
  private static List<Double> waits(Turns turns, String name) {
    return turns.of(name).stream().flatMap(result -> result.figures().stream()).toList();
  }

  private static double percentile(List<Double> waits, int percent) {
    List<Double> sorted = waits.stream().sorted().toList();
    return sorted.get(Math.min(sorted.size() - 1, sorted.size() * percent / 100));
  }
}
