package dev.koyomi.bench;

import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;

/** Jobs stored by one client, by each contender's quickest way. */
final class Enqueue {
  private static final int JOBS = 1_000_000;

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Turns turns =
          Stage.turns(
              server, Sizes.orElse(JOBS), Enqueue::all, result -> Report.told(result, "jobs/s"));
      Stage.ofRates("Enqueue: in bulk, one client", "jobs/s", turns).print();
    }
  }

  private static Result all(Stage stage, int jobs) throws Exception {
    Noise noise = stage.quiet();
    long begin = System.nanoTime();
    stage.contender().enqueueAll(jobs);
    double seconds = (System.nanoTime() - begin) / 1e9;
    return Result.rate(jobs, seconds, noise.cores(), stage.wrongStored(jobs));
  }
}
