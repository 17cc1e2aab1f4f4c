package dev.koyomi.bench.contender;

import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;

/**
 * A ceiling and no queue: a plain table, from which jobs are deleted before they are done, so a
 * crash would lose them. Nobody who keeps them can be expected to be faster.
 */
final class RawJdbc implements Contender {
  private static final int BATCH = 5_000;

  /** Workers, and the jobs that each takes at a time. */
  private record Crew(int workers, int claim) {
    static Crew of(Work work) {
      return switch (work) {
        case NOOP, START -> new Crew(2, 500);
        case INVOICE -> new Crew(16, 50);
      };
    }
  }

  private static final Duration POLL = Duration.ofMillis(2);

  private final DatabaseAddress database;
  private final HikariDataSource clients;

  private RawJdbc(DatabaseAddress database, HikariDataSource clients) {
    this.database = database;
    this.clients = clients;
  }

  static RawJdbc prepare(DatabaseAddress database) throws SQLException {
    HikariDataSource clients = Pools.full(database, CLIENTS, true);
    Pools.execute(clients, "create table job (id int primary key, payload jsonb not null)");
    return new RawJdbc(database, clients);
  }

  private static String payload(int id) {
    return "{\"subscriptionId\": " + id + ", \"billingDate\": \"" + BILLING_DATE + "\"}";
  }

  @Override
  public void enqueueAll(int jobs) throws SQLException, IOException {
    try (Connection connection = clients.getConnection()) {
      var copy = connection.unwrap(PGConnection.class).getCopyAPI();
      for (int from = 1; from <= jobs; from += BATCH) {
        StringBuilder rows = new StringBuilder();
        for (int id = from; id < Math.min(from + BATCH, jobs + 1); id++) {
          rows.append(id).append('\t').append(payload(id)).append('\n');
        }
        copy.copyIn("copy job from stdin", new StringReader(rows.toString()));
      }
    }
  }

  @Override
  public void enqueueOne(int id) throws SQLException {
    try (Connection connection = clients.getConnection();
        PreparedStatement insert =
            connection.prepareStatement("insert into job values (?, ?::jsonb)")) {
      insert.setInt(1, id);
      insert.setString(2, payload(id));
      insert.executeUpdate();
    }
  }

  @Override
  public int connections() {
    return Crew.of(Work.INVOICE).workers();
  }

  @Override
  public Workers start(Unit unit) throws SQLException {
    Crew crew = Crew.of(unit.work());
    HikariDataSource connections = Pools.full(database, crew.workers(), true);
    ExecutorService executor = Executors.newFixedThreadPool(crew.workers());
    List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < crew.workers(); i++) {
      running.add(executor.submit(() -> work(connections, unit, crew.claim())));
    }
    return () -> {
      executor.shutdownNow();
      for (Future<?> worker : running) {
        worker.get();
      }
      connections.close();
    };
  }

  private static Void work(HikariDataSource connections, Unit unit, int most) throws SQLException {
    try (Connection connection = connections.getConnection();
        PreparedStatement claim =
            connection.prepareStatement(
                """
                delete from job where id = any(array(
                  select id from job order by id limit %d for update skip locked))
                returning id, payload
                """
                    .formatted(most))) {
      while (!Thread.interrupted()) {
        List<Integer> claimed = new ArrayList<>(most);
        try (ResultSet rows = claim.executeQuery()) {
          while (rows.next()) {
            claimed.add(rows.getInt(1));
          }
        }
        for (int id : claimed) {
          unit.run(id);
        }
        if (claimed.isEmpty()) {
          Thread.sleep(POLL);
        }
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
    return null;
  }

  @Override
  public long left() throws SQLException {
    return Pools.number(clients, "select count(*) from job");
  }

  @Override
  public void close() {
    clients.close();
  }
}
