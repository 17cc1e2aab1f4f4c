package dev.koyomi.bench;

import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.bench.ceiling.InvoiceWay;
import dev.koyomi.bench.contender.Billing;
import dev.koyomi.bench.contender.Pools;
import dev.koyomi.bench.measure.Clients;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.util.concurrent.atomic.AtomicInteger;

/** Invoices written by a loop on each of some connections, with no queue in the way. */
record BareLoop(InvoiceWay way, int connections) {

  Result run(Server server, int jobs) throws Exception {
    DatabaseAddress database = server.freshDatabase();
    Billing.create(database, jobs);
    try (HikariDataSource pool = Pools.full(database, connections, way.autoCommit())) {
      server.settle();
      Noise noise = server.noise();
      AtomicInteger next = new AtomicInteger(1);
      double seconds =
          Clients.seconds(
              connections,
              _ -> {
                try (Connection connection = pool.getConnection()) {
                  int from = next.getAndAdd(way.size());
                  while (from <= jobs) {
                    way.write(connection, from, Math.min(from + way.size() - 1, jobs));
                    from = next.getAndAdd(way.size());
                  }
                }
              });
      return Result.rate(jobs, seconds, noise.cores(), Billing.wrong(database, jobs));
    }
  }
}
