package dev.koyomi.bench;

import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.bench.ceiling.InvoiceWay;
import dev.koyomi.bench.ceiling.RowWay;
import dev.koyomi.bench.contender.Pools;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What the driver and PostgreSQL give with no queue in the way: rows stored, invoices written. */
final class Ceilings {
  private static final int JOBS = 20_000;

  /** Rows are stored so much quicker than invoices are written. */
  private static final int ROWS_PER_JOB = 10;

  private static final List<Integer> CONNECTIONS = List.of(1, 2, 4, 8, 16);

  private final Server server;
  private final Sizes sizes;

  private Ceilings(Server server, Sizes sizes) {
    this.server = server;
    this.sizes = sizes;
  }

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Ceilings ceilings = new Ceilings(server, Sizes.orElse(JOBS));
      ceilings.rows();
      ceilings.invoices();
    }
  }

  private void rows() throws Exception {
    List<Turns.Entrant> entrants =
        Stream.of(RowWay.values())
            .map(
                way ->
                    new Turns.Entrant(
                        way.title(), sizes.jobs() * ROWS_PER_JOB, rows -> stored(way, rows)))
            .toList();
    Turns turns = Turns.take(sizes.turns(), entrants, result -> Report.told(result, "rows/s"));
    Report.ofMultiples("Ceilings: rows into a plain table, one connection", "rows/s", turns)
        .print();
  }

  private Result stored(RowWay way, int rows) throws Exception {
    DatabaseAddress database = server.freshDatabase();
    try (HikariDataSource connections = Pools.full(database, 1, true);
        Connection connection = connections.getConnection()) {
      Pools.execute(connection, "create table plain (id int not null, payload jsonb not null)");
      server.settle();
      Noise noise = server.noise();
      long begin = System.nanoTime();
      way.storeAll(connection, rows);
      double seconds = (System.nanoTime() - begin) / 1e9;
      double others = noise.cores();
      long stored = server.number("select count(*) from plain");
      return Result.rate(
          rows,
          seconds,
          others,
          stored == rows
              ? Optional.empty()
              : Optional.of("%d of %d rows are stored".formatted(stored, rows)));
    }
  }

  private void invoices() throws Exception {
    List<Turns.Entrant> entrants = new ArrayList<>();
    for (InvoiceWay way : ways()) {
      for (int connections : CONNECTIONS) {
        entrants.add(
            new Turns.Entrant(
                "%2d × %s".formatted(connections, way.title()),
                sizes.jobs(),
                jobs -> new BareLoop(way, connections).run(server, jobs)));
      }
    }
    Turns turns = Turns.take(sizes.turns(), entrants, result -> Report.told(result, "invoices/s"));
    Report.ofMultiples("Ceilings: invoices, connections × way", "invoices/s", turns).print();
  }

  private static List<InvoiceWay> ways() {
    return List.of(
        InvoiceWay.fourRoundTrips(),
        InvoiceWay.transactions(1),
        InvoiceWay.flush(1),
        InvoiceWay.transactions(50),
        InvoiceWay.flush(50),
        InvoiceWay.transactions(100),
        InvoiceWay.flush(100),
        InvoiceWay.set(500));
  }
}
