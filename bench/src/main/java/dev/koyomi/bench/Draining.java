package dev.koyomi.bench;

import dev.koyomi.bench.contender.Billing;
import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.Tally;
import dev.koyomi.bench.contender.Unit;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Result;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The stored jobs being done, from the first one's start until each has run and the contender's own
 * tables hold none that is not completed.
 */
final class Draining {
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(5);

  /** Longer than the slowest poll. */
  private static final Duration STANDSTILL = Duration.ofSeconds(60);

  private Draining() {}

  /** Stores the jobs and drains them: jobs per second, and milliseconds until the first start. */
  static Result storedAndDrained(Stage stage, Work work, int jobs) throws Exception {
    try (Unit unit = stage.unit(work, jobs)) {
      stage.contender().enqueueAll(jobs);
      Noise noise = stage.quiet();
      long begin = System.nanoTime();
      double seconds = seconds(stage.contender(), unit, jobs);
      double others = noise.cores();
      double untilFirst = (unit.tally().firstStart() - begin) / 1e6;
      return new Result(
          jobs, List.of(jobs / seconds, untilFirst), others, wrong(stage, unit, jobs));
    }
  }

  /** Drains with workers that run only meanwhile. */
  static double seconds(Contender contender, Unit unit, int jobs) throws Exception {
    long begin = System.nanoTime();
    try (Contender.Workers _ = contender.start(unit)) {
      awaitEnd(contender, unit.tally(), jobs);
      // Of units on the server no first start is seen: the workers' own start counts.
      long first = contender.runsUnitsOnTheServer() ? begin : unit.tally().firstStart();
      return (System.nanoTime() - first) / 1e9;
    }
  }

  private static void awaitEnd(Contender contender, Tally tally, int jobs) throws Exception {
    int ended = 0;
    long moved = System.nanoTime();
    while (System.nanoTime() - moved < STANDSTILL.toNanos()) {
      if (tally.endedJobs() != ended) {
        ended = tally.endedJobs();
        moved = System.nanoTime();
      }
      if ((ended >= jobs || contender.runsUnitsOnTheServer()) && contender.left() == 0) {
        return;
      }
      Thread.sleep(BETWEEN_LOOKS);
    }
  }

  /** Each job once, and as many effects as jobs. */
  static Optional<String> wrong(Stage stage, Unit unit, int jobs) throws Exception {
    long left = stage.contender().left();
    if (left > 0) {
      return Optional.of("%d jobs are left".formatted(left));
    }
    Optional<String> wrong =
        stage.contender().runsUnitsOnTheServer()
            ? Optional.of(stage.contender().succeeded())
                .filter(succeeded -> succeeded != jobs)
                .map(succeeded -> "%d of %d jobs succeeded".formatted(succeeded, jobs))
            : unit.tally().wrong();
    return switch (unit.work()) {
      case NOOP -> wrong;
      case INVOICE -> wrong.isPresent() ? wrong : Billing.wrong(stage.database(), jobs);
    };
  }
}
