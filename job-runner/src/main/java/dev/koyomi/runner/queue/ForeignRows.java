package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** The rows of a trigger's query in another database, some at a time. */
final class ForeignRows {
  private static final int AT_FIRST = 50;
  private static final int AT_MOST = 2_000;

  /** Bytes at a time, about; by the largest row that was seen. */
  private static final int BYTES = 8_000_000;

  private ForeignRows() {}

  /** Reads through a server-side cursor, so that memory does not grow with the selection. */
  static void copy(
      Connection source,
      Payload payload,
      Plan.Selection trigger,
      ChunkInsert.Parameters parameters,
      Selection.Sink target)
      throws SQLException {
    SqlText.Statement query = trigger.sql().statements().getFirst();
    String sql =
        """
        select t.key::text%s from (
        %s
        ) as t limit ?
        """
            .formatted(payload.columns(), query.text());
    try (PreparedStatement statement = source.prepareStatement(sql)) {
      statement.setFetchSize(AT_FIRST);
      int next = parameters.bind(statement, 1, query);
      statement.setLong(next, trigger.maxJobs() + 1L);
      String[] values = new String[payload.names().size()];
      try (ResultSet rows = statement.executeQuery()) {
        int largest = 1;
        for (int row = 1; rows.next(); row++) {
          int size = 1;
          for (int i = 0; i < values.length; i++) {
            values[i] = rows.getString(i + 2);
            size += values[i] == null ? 0 : values[i].length();
          }
          target.add(rows.getString(1), values);
          if (size > largest || row == AT_FIRST) {
            largest = Math.max(size, largest);
            rows.setFetchSize(Math.clamp(BYTES / largest, 1, row < AT_FIRST ? AT_FIRST : AT_MOST));
          }
        }
      }
    }
  }
}
