package dev.koyomi.runner.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.postgresql.PGConnection;

/**
 * A second session that does one thing at the same time, for races that are won by the one the test
 * says.
 */
public final class Rival implements AutoCloseable {
  private final DataSource database;
  private final Connection connection;

  /** What the rival does with its connection. */
  public interface Work<T> {
    T on(Connection connection) throws SQLException;
  }

  public Rival(DataSource database) throws SQLException {
    this.database = database;
    this.connection = database.getConnection();
  }

  public Connection connection() {
    return connection;
  }

  /** Begins a transaction and does the work in it; it stays open until {@link #commit}. */
  public <T> T inOpenTransaction(Work<T> work) throws SQLException {
    connection.setAutoCommit(false);
    return work.on(connection);
  }

  public void commit() throws SQLException {
    connection.commit();
    connection.setAutoCommit(true);
  }

  /** Starts the work in a thread of its own and returns when it waits for somebody's lock. */
  public <T> CompletableFuture<T> blocked(Work<T> work) throws SQLException {
    int pid = connection.unwrap(PGConnection.class).getBackendPID();
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                result.complete(work.on(connection));
              } catch (SQLException | RuntimeException e) {
                result.completeExceptionally(e);
              }
            });
    awaitTrue("select wait_event_type = 'Lock' from pg_stat_activity where pid = ?", pid, result);
    return result;
  }

  /** Returns when somebody waits for what the open transaction holds. */
  public void awaitWaiter() throws SQLException {
    awaitTrue(
        "select exists (select from pg_stat_activity where ? = any (pg_blocking_pids(pid)))",
        connection.unwrap(PGConnection.class).getBackendPID(),
        new CompletableFuture<>());
  }

  private void awaitTrue(String question, int pid, CompletableFuture<?> orDone)
      throws SQLException {
    try (Connection watch = database.getConnection();
        var statement = watch.prepareStatement(question)) {
      statement.setInt(1, pid);
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      boolean yes = false;
      while (!yes && !orDone.isDone() && System.nanoTime() < deadline) {
        try (var row = statement.executeQuery()) {
          yes = row.next() && row.getBoolean(1);
        }
      }
      assertThat(yes || orDone.isDone()).as("nobody waits, and nothing ends").isTrue();
    }
  }

  public static <T> T outcome(Future<T> result) throws Exception {
    return result.get(20, TimeUnit.SECONDS);
  }

  @Override
  public void close() throws SQLException {
    if (!connection.getAutoCommit()) {
      connection.rollback();
      connection.setAutoCommit(true);
    }
    connection.close();
  }
}
