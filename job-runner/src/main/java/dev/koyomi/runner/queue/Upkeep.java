package dev.koyomi.runner.queue;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The queue's housekeeping, which everybody who is there does: workers and triggers with their
 * heartbeat, and the operator.
 */
public final class Upkeep {
  private static final Logger LOG = LoggerFactory.getLogger(Upkeep.class);

  /** A heartbeat must not wait much longer: a worker that misses six is lost. */
  private static final int PRUNING_SECONDS = 10;

  private Upkeep() {}

  /**
   * Beat, lost workers and what they held, due retries, closing; then, in a transaction of its own,
   * a portion of pruning.
   *
   * @param connection in auto-commit mode
   */
  public static void sweep(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("select koyomi.sweep()");
      prune(statement);
    }
  }

  /** Whether it comes to its end is nobody's concern but its own: the next time is soon. */
  private static void prune(Statement statement) {
    try {
      statement.setQueryTimeout(PRUNING_SECONDS);
      statement.execute("select koyomi.prune()");
    } catch (SQLException e) {
      LOG.atWarn()
          .addKeyValue("cause", e.getMessage())
          .log("deleting what is old failed; it is tried again with the next beat");
    }
  }
}
