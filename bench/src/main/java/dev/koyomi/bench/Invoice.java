package dev.koyomi.bench;

import dev.koyomi.bench.ceiling.InvoiceWay;
import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import java.util.ArrayList;
import java.util.List;

/**
 * Stored jobs that each lock a subscription, write its invoice and commit; one process. Beside them
 * the same transactions, each in one flush, from loops with nothing stored.
 */
final class Invoice {
  private static final int JOBS = 100_000;

  private static final List<Integer> BARE_CONNECTIONS = List.of(16, 8);

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Sizes sizes = Sizes.orElse(JOBS);
      List<Turns.Entrant> entrants =
          new ArrayList<>(
              Stage.entrants(
                  server,
                  sizes,
                  (stage, jobs) ->
                      Draining.storedAndDrained(stage, Work.INVOICE, jobs, Contender::enqueueAll)));
      for (int connections : BARE_CONNECTIONS) {
        entrants.add(
            new Turns.Entrant(
                bare(connections),
                sizes.jobs(),
                jobs -> new BareLoop(InvoiceWay.flush(1), connections).run(server, jobs)));
      }
      Turns turns = Turns.take(sizes.turns(), entrants, Invoice::told);
      Stage.ofRates(
              "Invoice: one invoice a job, one process",
              "invoices/s",
              turns,
              BARE_CONNECTIONS.stream()
                  .map(Invoice::bare)
                  .filter(turns.names()::contains)
                  .map(name -> new Report.Reference("÷ " + name, name))
                  .toArray(Report.Reference[]::new))
          .print();
    }
  }

  private static String bare(int connections) {
    return "bare-one-flush-" + connections;
  }

  private static String told(Result result) {
    return Report.told(result, "invoices/s");
  }
}
