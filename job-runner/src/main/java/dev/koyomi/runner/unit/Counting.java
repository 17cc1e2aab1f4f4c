package dev.koyomi.runner.unit;

import dev.koyomi.crds.sql.SqlText;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Rows that statements wrote or gave. */
final class Counting {
  /** Commands that say how many rows they touched or gave; the others are done when they end. */
  private static final Set<String> COUNTED =
      Set.of("INSERT", "UPDATE", "DELETE", "MERGE", "SELECT", "WITH", "VALUES", "TABLE");

  private Counting() {}

  static boolean counts(SqlText.Statement statement) {
    return COUNTED.contains(statement.keyword());
  }

  /** Of each statement in order; a query that gave any row counts 1. */
  static List<Long> rows(Statement executed, boolean isRows) throws SQLException {
    List<Long> rows = new ArrayList<>();
    boolean result = isRows;
    while (true) {
      if (result) {
        ResultSet given = executed.getResultSet();
        rows.add(given.next() ? 1L : 0L);
      } else if (executed.getUpdateCount() >= 0) {
        rows.add((long) executed.getUpdateCount());
      } else {
        return rows;
      }
      result = executed.getMoreResults();
    }
  }
}
