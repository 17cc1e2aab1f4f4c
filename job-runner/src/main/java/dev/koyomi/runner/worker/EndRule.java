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
  /** When no run of the batch is open any more: retries are waited for. */
  Drained;

  boolean over(Connection connection, int batchId) throws SQLException {
    return switch (this) {
      case Stopped -> false;
      case Once -> true;
      case Drained -> !openRun(connection, batchId);
    };
  }

  private static boolean openRun(Connection connection, int batchId) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "select exists (select from koyomi.run where batch_id = ? and state in ('Selecting',"
                + " 'Running'))")) {
      statement.setInt(1, batchId);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }
}
