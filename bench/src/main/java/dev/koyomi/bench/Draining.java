package dev.koyomi.bench;

import dev.koyomi.bench.contender.Billing;
import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.Tally;
import dev.koyomi.bench.contender.Unit;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Result;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The stored jobs being done, from the first one's start until each has run and the contender's own
 * tables hold none that is not completed.
 */
final class Draining {
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(20);

  /** Longer than the slowest poll. */
  private static final Duration STANDSTILL = Duration.ofSeconds(60);

  /** The part of the jobs that leave a row each after the timed ones, and the most of them. */
  private static final int COUNTED = 10;

  private static final int MOST_COUNTED = 50_000;

  private Draining() {}

  /** How the jobs get into the store, which is not timed. */
  interface Storing {
    void store(Contender contender, int jobs) throws Exception;
  }

  /** Stores the jobs and drains them: jobs per second, and milliseconds until the first start. */
  static Result storedAndDrained(Stage stage, Work work, int jobs, Storing storing)
      throws Exception {
    try (Unit unit = stage.unit(work, jobs)) {
      storing.store(stage.contender(), jobs);
      Noise noise = stage.quiet();
      long begin = System.nanoTime();
      double seconds = seconds(stage.contender(), unit, jobs);
      double others = noise.cores();
      double untilFirst =
          stage.contender().runsUnitsOnTheServer()
              ? Double.NaN
              : (unit.tally().firstStart() - begin) / 1e6;
      Optional<String> wrong = wrong(stage, unit, jobs);
      if (wrong.isEmpty() && work == Work.NOOP && stage.contender().runsUnitsOnTheServer()) {
        wrong = wrongRows(stage, Math.min(Math.ceilDiv(jobs, COUNTED), MOST_COUNTED), storing);
      }
      return new Result(jobs, List.of(jobs / seconds, untilFirst), others, wrong);
    }
  }

  /**
   * Nobody sees a unit on the server that does nothing, so the contender's books alone say that it
   * ran once: the same way once more, after the time, with units that leave a row each.
   */
  private static Optional<String> wrongRows(Stage stage, int jobs, Storing storing)
      throws Exception {
    try (Unit unit = stage.unit(Work.START, jobs)) {
      storing.store(stage.contender(), jobs);
      seconds(stage.contender(), unit, jobs);
      Optional<String> wrong = left(stage.contender());
      return wrong.isPresent() ? wrong : stage.contender().wrongStarts(jobs);
    }
  }

  /** Drains with workers that run only meanwhile. */
  static double seconds(Contender contender, Unit unit, int jobs) throws Exception {
    try (Contender.Workers _ = contender.start(unit)) {
      awaitEnd(contender, unit.tally(), jobs);
      long end = System.nanoTime();
      Instant now = Instant.now();
      // Of units on the server no first start is seen: the first job's being taken counts.
      Optional<Instant> begun = contender.begun();
      return begun.isPresent()
          ? Duration.between(begun.get(), now).toNanos() / 1e9
          : (end - unit.tally().firstStart()) / 1e9;
    }
  }

  private static void awaitEnd(Contender contender, Tally tally, int jobs) throws Exception {
    long ended = 0;
    long moved = System.nanoTime();
    while (true) {
      if (contender.runsUnitsOnTheServer()) {
        if (contender.drained()) {
          return;
        }
      } else if (tally.endedJobs() >= jobs && contender.drained()) {
        return;
      }
      if (System.nanoTime() - moved > STANDSTILL.toNanos()) {
        long now = contender.runsUnitsOnTheServer() ? contender.succeeded() : tally.endedJobs();
        if (now == ended) {
          return;
        }
        ended = now;
        moved = System.nanoTime();
      }
      Thread.sleep(BETWEEN_LOOKS);
    }
  }

  /** Each job once, and as many effects as jobs. */
  static Optional<String> wrong(Stage stage, Unit unit, int jobs) throws Exception {
    Contender contender = stage.contender();
    Optional<String> wrong = left(contender);
    if (wrong.isEmpty()) {
      wrong =
          contender.runsUnitsOnTheServer()
              ? Optional.of(contender.succeeded())
                  .filter(succeeded -> succeeded != jobs)
                  .map(succeeded -> "%d of %d jobs succeeded".formatted(succeeded, jobs))
              : unit.tally().wrong();
    }
    if (wrong.isPresent()) {
      return wrong;
    }
    return switch (unit.work()) {
      case NOOP -> Optional.empty();
      case START -> contender.wrongStarts(jobs);
      case INVOICE -> Billing.wrong(stage.database(), jobs);
    };
  }

  private static Optional<String> left(Contender contender) throws SQLException {
    long left = contender.left();
    return left == 0 ? Optional.empty() : Optional.of("%d jobs are left".formatted(left));
  }
}
