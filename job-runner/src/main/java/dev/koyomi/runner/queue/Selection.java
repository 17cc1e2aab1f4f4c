package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Writes the chunks of one selection and makes its jobs visible: all of them or none.
 *
 * <p>The data never leaves the server: one {@code INSERT … SELECT} around the user's query. Chunks
 * carry the selector's token, and every transaction that writes them ends by checking that the
 * token is still the run's.
 */
public final class Selection {
  private final long run;
  private final long token;

  public Selection(Opening.Select opened) {
    this.run = opened.run();
    this.token = opened.token();
  }

  /** What was selected: distinct targets, and rows that named a target a second time. */
  public record Counts(long selected, long duplicates) {}

  /**
   * The selection cannot be dispatched, for a reason that only a change of the definition or the
   * data removes.
   */
  public static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;
    private final String reason;

    Refused(String reason, String message) {
      super(message);
      this.reason = reason;
    }

    /** One word for programs. */
    public String reason() {
      return reason;
    }

    /** The sentence for people. */
    public String sentence() {
      return Objects.requireNonNull(getMessage());
    }
  }

  /**
   * Selects and writes the chunks, in one transaction on the given connection.
   *
   * @param values the trigger's parameters by name
   * @throws Refused when the rows are no list of targets, or are too many
   */
  public Counts select(Connection connection, Plan plan, Map<String, String> values)
      throws SQLException, Refused {
    connection.setAutoCommit(false);
    try {
      setTimeout(connection, plan.trigger().timeout());
      int maxJobs = plan.trigger().maxJobs();
      Insert insert =
          new Insert(run, token, plan.trigger().sql().statements().getFirst(), values, maxJobs);
      String payload = payload(connection, insert, plan.unit().sql().parameters());
      insert.execute(connection, payload, "target");
      Counted counted = count(connection);
      Counts counts = counted.check(maxJobs);
      if (counts.duplicates > 0) {
        deleteChunks(connection);
        insert.execute(connection, payload, FIRST_OF_EACH_KEY);
        long kept = count(connection).rows;
        counts = new Counts(kept, Math.max(0, counted.rows - kept));
      }
      hold(connection);
      connection.commit();
      return counts;
    } catch (SQLException | Refused e) {
      connection.rollback();
      throw e;
    } finally {
      connection.setAutoCommit(true);
    }
  }

  /**
   * Makes the jobs of the selection visible and sets the run Running; ends it when there are none.
   */
  public void dispatch(Connection connection, Counts counts, boolean failWhenEmpty)
      throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.dispatch(?, ?, ?, ?, ?)")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.setLong(3, counts.selected);
      statement.setLong(4, counts.duplicates);
      statement.setBoolean(5, failWhenEmpty);
      statement.execute();
    }
  }

  /** Ends the run as Failed, unless somebody else selects by now. */
  public void fail(Connection connection, String reason, String message) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.fail_selection(?, ?, ?, ?)")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.setString(3, reason);
      statement.setString(4, message);
      statement.execute();
    }
  }

  /** Notes why this attempt ended; the run stays Selecting for the one who comes after. */
  public void note(Connection connection, String message) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "update koyomi.run set message = ? where id = ? and state = 'Selecting' and"
                + " selector_token = ?")) {
      statement.setString(1, message);
      statement.setLong(2, run);
      statement.setLong(3, token);
      statement.execute();
    }
  }

  private static void setTimeout(Connection connection, Duration timeout) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select set_config('statement_timeout', ?, true)")) {
      statement.setString(1, Long.toString(timeout.toMillis()));
      statement.execute();
    }
  }

  /** SQL that makes the payload of row {@code t}: an object of all columns but the key. */
  private static String payload(Connection connection, Insert insert, Set<String> needed)
      throws SQLException, Refused {
    List<String> columns = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(insert.trigger.text())) {
      insert.bind(statement, 1);
      @Nullable ResultSetMetaData description = statement.getMetaData();
      for (int i = 1; description != null && i <= description.getColumnCount(); i++) {
        columns.add(description.getColumnName(i));
      }
    }
    if (!columns.contains("key")) {
      throw new Refused(
          "KeyMissing",
          "spec.trigger.sql: the query has no column \"key\" that identifies the target; add one,"
              + " such as: SELECT id AS key, …");
    }
    List<String> others =
        columns.stream().filter(column -> !column.equals("key")).map(Selection::quoted).toList();
    if (others.size() != columns.size() - 1
        || others.stream().distinct().count() != others.size()) {
      throw new Refused(
          "ColumnTwice",
          "spec.trigger.sql: two columns of the query have the same name; give each its own with"
              + " AS");
    }
    List<String> missing =
        needed.stream()
            .filter(name -> name.equals("key") || !columns.contains(name))
            .sorted()
            .toList();
    if (!missing.isEmpty()) {
      throw new Refused(
          "ParameterWithoutColumn",
          "spec.unit.sql uses :%s, but spec.trigger.sql has no column of that name beside \"key\"; it has: %s"
              .formatted(
                  String.join(", :", missing),
                  columns.stream()
                      .filter(column -> !column.equals("key"))
                      .sorted()
                      .collect(Collectors.joining(", "))));
    }
    return others.isEmpty()
        ? "'{}'::jsonb"
        : "(select to_jsonb(p) from (select t." + String.join(", t.", others) + ") p)";
  }

  private static String quoted(String column) {
    return '"' + column.replace("\"", "\"\"").replace("?", "??") + '"';
  }

  private static final String FIRST_OF_EACH_KEY =
      """
      (select key, payload
         from (select distinct on (key) key, payload, row
                 from (select key, payload, row_number() over () as row from target) as rows
                 order by key, row) as firsts
         order by row)\
      """;

  /** The user's query and how it becomes chunks. */
  private record Insert(
      long run, long token, SqlText.Statement trigger, Map<String, String> values, int maxJobs) {

    void execute(Connection connection, String payload, String targets) throws SQLException {
      // One window without an order and one group order: the rows are sorted once, by number, and
      // never by content.
      String sql =
          """
          insert into koyomi.chunk (run_id, selector_token, size, keys, jobs)
          with target as (
            select t.key::text as key, %s as payload
              from (
          %s
              ) as t limit ?),
          numbered as (
            select key, payload, row_number() over before as n, sum(pg_column_size(payload)) over before as bytes
              from %s as kept
              window before as (rows unbounded preceding)),
          placed as (
            select key, payload, n, (n - 1) / 500 as block, bytes / 1000000 as megabyte from numbered)
          select ?, ?, count(*), array_agg(key order by n), jsonb_agg(payload order by n)
            from placed group by block, megabyte order by block, megabyte
          """
              .formatted(payload, trigger.text(), targets);
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        int next = bind(statement, 1);
        statement.setLong(next, maxJobs + 1L);
        statement.setLong(next + 1, run);
        statement.setLong(next + 2, token);
        statement.executeUpdate();
      }
    }

    /**
     * Binds the trigger's parameters untyped, so that each takes the type of its place; returns the
     * next number.
     */
    int bind(PreparedStatement statement, int first) throws SQLException {
      int at = first;
      for (String parameter : trigger.parameters()) {
        statement.setObject(at++, values.get(parameter), Types.OTHER);
      }
      return at;
    }
  }

  private record Counted(long rows, long keys, long withoutKey) {

    Counts check(int maxJobs) throws Refused {
      if (rows > maxJobs) {
        throw new Refused(
            "TooManyJobs",
            "the trigger selected more than spec.trigger.maxJobs = %d targets and nothing was enqueued; narrow the query or raise the limit"
                .formatted(maxJobs));
      }
      if (withoutKey > 0) {
        throw new Refused(
            "KeyIsNull",
            "spec.trigger.sql: the column \"key\" is null in %d of %d rows; every target needs one"
                .formatted(withoutKey, rows));
      }
      return new Counts(keys, rows - keys);
    }
  }

  /**
   * Counts keys by their 64-bit hash: a collision only leads to the slower way, which compares the
   * keys themselves.
   */
  private Counted count(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select count(*), count(distinct hashtextextended(k, 0)), count(*) filter (where k is null)
              from koyomi.chunk c cross join unnest(c.keys) as k
              where c.run_id = ? and c.selector_token = ?
            """)) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return new Counted(row.getLong(1), row.getLong(2), row.getLong(3));
      }
    }
  }

  private void deleteChunks(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "delete from koyomi.chunk where run_id = ? and selector_token = ?")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.executeUpdate();
    }
  }

  private void hold(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.hold_selection(?, ?)")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.execute();
    }
  }

  /** SQLSTATE: the selection was taken over by another process, or cancelled. */
  public static final String TAKEN_OVER = "KY003";
}
