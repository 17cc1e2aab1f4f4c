package dev.koyomi.runner.worker;

import dev.koyomi.runner.queue.OwnStatement;
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
      // Other than a moment ago: what was found had expired, or somebody else is just taking it.
      case Once ->
          asked(connection, "select koyomi.next_due_in(?) > interval '0' is not false", batchId);
      case Drained -> asked(connection, "select koyomi.drained(?)", batchId);
    };
  }

  private static boolean asked(Connection connection, String question, int batchId)
      throws SQLException {
    try (PreparedStatement statement = OwnStatement.prepare(connection, question)) {
      statement.setInt(1, batchId);
      try (ResultSet row = OwnStatement.query(statement)) {
        return row.next() && row.getBoolean(1);
      }
    }
  }
}
