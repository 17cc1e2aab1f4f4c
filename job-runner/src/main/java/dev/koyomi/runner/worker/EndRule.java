package dev.koyomi.runner.worker;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** When a worker that finds nothing to do goes home. */
public enum EndRule {
  /** Never: it is resident and waits for SIGTERM. */
  Stopped,
  /** At once: what is due now has been worked. */
  Once,
  /**
   * When nothing is left to do or to wait for: retries are waited for; what waits behind a stopped
   * lane, or was enqueued for a later time, is not.
   */
  Drained;

  boolean over(Connection connection, int batchId) throws SQLException {
    return switch (this) {
      case Stopped -> false;
      case Once -> true;
      case Drained -> drained(connection, batchId);
    };
  }

  private static boolean drained(Connection connection, int batchId) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement("select koyomi.drained(?)")) {
      statement.setInt(1, batchId);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }
}
