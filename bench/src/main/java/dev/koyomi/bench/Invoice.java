package dev.koyomi.bench;

import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;

/** Stored jobs that each lock a subscription, write its invoice and commit; one process. */
final class Invoice {
  private static final int JOBS = 100_000;

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Turns turns =
          Stage.turns(
              server,
              Sizes.orElse(JOBS),
              (stage, jobs) -> Draining.storedAndDrained(stage, Work.INVOICE, jobs),
              result -> Report.told(result, "jobs/s", "ms until the first start"));
      Report.ofRates("Invoice: one invoice and commit a job, one process", "invoices/s", turns)
          .print();
    }
  }
}
