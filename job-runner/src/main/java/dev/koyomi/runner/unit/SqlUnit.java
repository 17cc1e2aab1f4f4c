package dev.koyomi.runner.unit;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A Unit written as SQL statements; its parameters are the payload's columns, sent untyped. */
public final class SqlUnit implements Unit {
  /** Commands that say how many rows they touched or gave; the others are done when they end. */
  private static final Set<String> COUNTING =
      Set.of("INSERT", "UPDATE", "DELETE", "MERGE", "SELECT", "WITH", "VALUES", "TABLE");

  private final List<String> parameters;
  private final String flush;
  private final boolean counts;

  /** Zero when the server's limit for one statement is the limit for the Unit. */
  private final int seconds;

  /**
   * @param timeout of all statements together
   */
  public SqlUnit(SqlText sql, Duration timeout) {
    this.counts = COUNTING.contains(sql.statements().getLast().keyword());
    this.seconds = sql.statements().size() == 1 ? 0 : (int) (timeout.toMillis() + 999) / 1000;
    this.parameters =
        sql.statements().stream().flatMap(statement -> statement.parameters().stream()).toList();
    this.flush =
        sql.statements().stream()
            .map(SqlText.Statement::text)
            .collect(Collectors.joining(";\n", "select koyomi.begin_unit(?);\n", ""));
  }

  /** Sends all statements in one network flush, the transaction's mark before them. */
  @Override
  public Outcome run(Connection connection, long lease, JsonNode payload) throws SQLException {
    for (String parameter : parameters) {
      if (!payload.has(parameter)) {
        return new Outcome.Misfit(
            "spec.unit.sql uses :%s, but this job's payload has no column of that name"
                .formatted(parameter));
      }
    }
    try (PreparedStatement statement = connection.prepareStatement(flush)) {
      statement.setQueryTimeout(seconds);
      statement.setLong(1, lease);
      for (int i = 0; i < parameters.size(); i++) {
        statement.setObject(i + 2, text(payload.get(parameters.get(i))), Types.OTHER);
      }
      statement.execute();
      return counts && rowsOfLast(statement) == 0
          ? new Outcome.Skipped("the Unit's last statement found no row")
          : new Outcome.Done();
    }
  }

  private static @Nullable String text(JsonNode value) {
    if (value.isNull()) {
      return null;
    }
    if (value.isBigDecimal()) {
      return value.decimalValue().toPlainString();
    }
    return value.isValueNode() ? value.asText() : value.toString();
  }

  /** Rows that the last statement wrote or, for a query, returned. */
  private static long rowsOfLast(PreparedStatement statement) throws SQLException {
    long rows = 0;
    boolean isResultSet = true; // of the mark
    while (true) {
      isResultSet = statement.getMoreResults();
      if (isResultSet) {
        rows = statement.getResultSet().next() ? 1 : 0;
        continue;
      }
      int count = statement.getUpdateCount();
      if (count == -1) {
        return rows;
      }
      rows = count;
    }
  }
}
