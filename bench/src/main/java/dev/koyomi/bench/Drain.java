package dev.koyomi.bench;

import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;

/** Stored jobs that do nothing, done by one process. */
final class Drain {
  private static final int JOBS = 1_000_000;

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Turns turns =
          Stage.turns(
              server,
              Sizes.orElse(JOBS),
              (stage, jobs) ->
                  Draining.storedAndDrained(stage, Work.NOOP, jobs, Contender::enqueueAll),
              result -> Report.told(result, "jobs/s", "ms until the first start"));
      Stage.ofRates("Drain: no-op jobs, one process", "jobs/s", turns).print();
    }
  }
}
