package dev.koyomi.bench;

import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.measure.Clients;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import java.util.concurrent.atomic.AtomicInteger;

/** Jobs stored one by one, a transaction each, by several clients at once. */
final class EnqueueOne {
  private static final int JOBS = 100_000;

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Turns turns =
          Stage.turns(
              server,
              Sizes.orElse(JOBS),
              EnqueueOne::oneByOne,
              result -> Report.told(result, "jobs/s"));
      Stage.ofRates(
              "EnqueueOne: one job a transaction, %d clients".formatted(Contender.CLIENTS),
              "jobs/s",
              turns)
          .print();
    }
  }

  private static Result oneByOne(Stage stage, int jobs) throws Exception {
    Noise noise = stage.quiet();
    double seconds = seconds(stage.contender(), jobs);
    return Result.rate(jobs, seconds, noise.cores(), stage.wrongStored(jobs));
  }

  static double seconds(Contender contender, int jobs) throws Exception {
    AtomicInteger next = new AtomicInteger(1);
    return Clients.seconds(
        Contender.CLIENTS,
        _ -> {
          for (int id = next.getAndIncrement(); id <= jobs; id = next.getAndIncrement()) {
            contender.enqueueOne(id);
          }
        });
  }
}
