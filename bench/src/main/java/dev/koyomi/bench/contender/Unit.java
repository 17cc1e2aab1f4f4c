package dev.koyomi.bench.contender;

import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;

/** What the workers run for each job. */
public final class Unit implements AutoCloseable {
  private final Work work;
  private final Tally tally;
  private final Optional<HikariDataSource> connections;

  private Unit(Work work, Tally tally, Optional<HikariDataSource> connections) {
    this.work = work;
    this.tally = tally;
    this.connections = connections;
  }

  /**
   * Opens a unit.
   *
   * @param connections as many as {@link Contender#connections} asks for
   */
  public static Unit open(Work work, int jobs, DatabaseAddress database, int connections)
      throws SQLException {
    boolean needsNone = work != Work.INVOICE || connections == 0;
    return new Unit(
        work,
        new Tally(jobs),
        needsNone ? Optional.empty() : Optional.of(Pools.full(database, connections, false)));
  }

  public Work work() {
    return work;
  }

  public Tally tally() {
    return tally;
  }

  /** Does the job on a connection of the unit's own, in a transaction of its own. */
  public void run(int id) throws SQLException {
    tally.started(id);
    switch (work) {
      case NOOP, START -> {}
      case INVOICE -> {
        try (Connection connection = connections.orElseThrow().getConnection()) {
          Billing.invoice(connection, id);
          connection.commit();
        }
      }
    }
    tally.ended();
  }

  /** Does the job in the transaction of a queue that commits effect and completion together. */
  public void run(int id, Connection transaction) throws SQLException {
    tally.started(id);
    switch (work) {
      case NOOP, START -> {}
      case INVOICE -> Billing.invoice(transaction, id);
    }
    tally.ended();
  }

  @Override
  public void close() {
    connections.ifPresent(HikariDataSource::close);
  }
}
