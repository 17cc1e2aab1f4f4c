package dev.koyomi.runner.queue;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * The queue's housekeeping, which everybody who is there does: workers and triggers with their
 * heartbeat, and the operator.
 */
public final class Upkeep {
  private Upkeep() {}

  /** Beat, lost workers and what they held, due retries, closing, pruning. */
  public static void sweep(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("select koyomi.sweep()");
    }
  }
}
