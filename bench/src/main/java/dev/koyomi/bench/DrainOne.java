package dev.koyomi.bench;

import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;

/** Jobs that do nothing and were stored one by one, a transaction each, done by one process. */
final class DrainOne {
  private static final int JOBS = 100_000;

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Turns turns =
          Stage.turns(
              server,
              Sizes.orElse(JOBS),
              (stage, jobs) ->
                  Draining.storedAndDrained(stage, Work.NOOP, jobs, EnqueueOne::seconds),
              result -> Report.told(result, "jobs/s", "ms until the first start"));
      Stage.ofRates(
              "DrainOne: no-op jobs that were stored one by one, one process", "jobs/s", turns)
          .print();
    }
  }
}
