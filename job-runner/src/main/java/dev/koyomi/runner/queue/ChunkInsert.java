package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The user's query, wrapped into the one statement that turns its rows into chunks. */
final class ChunkInsert {
  private static final String ALL_ROWS = "target";

  private static final String FIRST_ROW_OF_EACH_KEY =
      """
      (select key, payload
         from (select distinct on (key) key, payload, row
                 from (select key, payload, row_number() over () as row from target) as rows
                 order by key, row) as firsts
         order by row)\
      """;

  private final SqlText.Statement query;
  private final Map<String, String> values;
  private final int maxJobs;
  private final String columns;

  private ChunkInsert(
      SqlText.Statement query, Map<String, String> values, int maxJobs, String columns) {
    this.query = query;
    this.values = values;
    this.maxJobs = maxJobs;
    this.columns = columns;
  }

  /**
   * Asks the server what the query gives.
   *
   * @param values the trigger's parameters by name
   * @param needed columns that the Unit uses
   * @throws Selection.Refused when the columns are no targets for this Unit
   */
  static ChunkInsert prepare(
      Connection connection, Plan.Selection trigger, Map<String, String> values, Set<String> needed)
      throws SQLException, Selection.Refused {
    SqlText.Statement query = trigger.sql().statements().getFirst();
    String columns =
        payload(described(connection, query, values), needed).stream()
            .map(column -> "t." + quoted(column))
            .collect(Collectors.joining(", "));
    return new ChunkInsert(query, values, trigger.maxJobs(), columns);
  }

  private static List<String> described(
      Connection connection, SqlText.Statement query, Map<String, String> values)
      throws SQLException {
    List<String> columns = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(query.text())) {
      bind(statement, query, values);
      @Nullable ResultSetMetaData description = statement.getMetaData();
      for (int i = 1; description != null && i <= description.getColumnCount(); i++) {
        columns.add(description.getColumnName(i));
      }
    }
    return columns;
  }

  /** All columns but the key. */
  private static List<String> payload(List<String> columns, Set<String> needed)
      throws Selection.Refused {
    if (!columns.contains("key")) {
      throw new Selection.Refused(
          "KeyMissing",
          "spec.trigger.sql: the query has no column \"key\" that identifies the target; add one,"
              + " such as: SELECT id AS key, …");
    }
    if (columns.stream().distinct().count() != columns.size()) {
      throw new Selection.Refused(
          "ColumnTwice",
          "spec.trigger.sql: two columns of the query have the same name; give each its own with"
              + " AS");
    }
    List<String> payload = columns.stream().filter(column -> !column.equals("key")).toList();
    List<String> missing =
        needed.stream().filter(name -> !payload.contains(name)).sorted().toList();
    if (!missing.isEmpty()) {
      throw new Selection.Refused(
          "ParameterWithoutColumn",
          "spec.unit.sql: :%s has no column of that name in spec.trigger.sql beside \"key\" (there are: %s): select it there, or take it out of the Unit."
              .formatted(
                  String.join(", :", missing),
                  payload.stream().sorted().collect(Collectors.joining(", "))));
    }
    return payload;
  }

  private static String quoted(String column) {
    return '"' + column.replace("\"", "\"\"") + '"';
  }

  void ofAllRows(Connection connection, long run, long token) throws SQLException {
    execute(connection, run, token, ALL_ROWS);
  }

  void ofTheFirstRowOfEachKey(Connection connection, long run, long token) throws SQLException {
    execute(connection, run, token, FIRST_ROW_OF_EACH_KEY);
  }

  private void execute(Connection connection, long run, long token, String targets)
      throws SQLException {
    // One window without an order and one group order: the rows are sorted once, by number, and
    // never by content. Block and megabyte only grow, so their sum tells a chunk from the next.
    String sql =
        """
        insert into koyomi.chunk (run_id, selector_token, size, keys, jobs)
        with target as (
          select t.key::text as key, to_jsonb(p) as payload
            from (
        %s
            ) as t cross join lateral (select %s) as p limit ?),
        numbered as (
          select key, payload, row_number() over before as n, sum(pg_column_size(payload)) over before as bytes
            from %s as kept
            window before as (rows unbounded preceding)),
        placed as (
          select key, payload, n, (n - 1) / 500 + bytes / 1000000 as place from numbered)
        select ?, ?, count(*), array_agg(key order by n), jsonb_agg(payload order by n)
          from placed group by place order by place
        """
            .formatted(query.text(), columns, targets);
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      int next = bind(statement, query, values);
      statement.setLong(next, maxJobs + 1L);
      statement.setLong(next + 1, run);
      statement.setLong(next + 2, token);
      statement.executeUpdate();
    }
  }

  /** Untyped, so that each takes the type of its place; returns the next number. */
  private static int bind(
      PreparedStatement statement, SqlText.Statement query, Map<String, String> values)
      throws SQLException {
    int next = 1;
    for (String parameter : query.parameters()) {
      statement.setObject(next++, values.get(parameter), Types.OTHER);
    }
    return next;
  }
}
