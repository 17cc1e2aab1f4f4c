package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** The rows of a trigger's query in another database, a few thousand at a time. */
final class ForeignRows {
  private static final int AT_A_TIME = 5_000;

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
      statement.setFetchSize(AT_A_TIME);
      int next = parameters.bind(statement, 1, query);
      statement.setLong(next, trigger.maxJobs() + 1L);
      String[] values = new String[payload.names().size()];
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          for (int i = 0; i < values.length; i++) {
            values[i] = rows.getString(i + 2);
          }
          target.add(rows.getString(1), values);
        }
      }
    }
  }
}
