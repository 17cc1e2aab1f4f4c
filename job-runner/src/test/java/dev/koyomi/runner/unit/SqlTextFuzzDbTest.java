package dev.koyomi.runner.unit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.sql.SqlProblem;
import dev.koyomi.crds.sql.SqlText;
import dev.koyomi.crds.testing.Choices;
import dev.koyomi.crds.testing.Fuzz;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.postgresql.util.PSQLException;

/** SQL of users is read as PostgreSQL reads it. */
final class SqlTextFuzzDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  /** What is something else outside quotes and comments. */
  private static final List<String> TRAPS =
      List.of(
          "a",
          " ",
          ":p",
          "?",
          "::",
          ";",
          "--",
          "/*",
          "*/",
          "'",
          "\"",
          "\\",
          "$$",
          "$t$",
          "E'",
          "\n",
          "(",
          ")",
          "[",
          "]",
          ":",
          "%s",
          "$1",
          "{fn x}",
          "\u00e9",
          "\ud83d\ude00",
          "COMMIT",
          "koyomi.jobs()");

  /** Anything in any order: mostly no SQL at all. */
  private static final List<String> TOKENS =
      List.of(
          " ",
          "\n",
          "\r",
          "\t",
          "\f",
          "'",
          "''",
          "\"",
          "E'",
          "e'",
          "U&'",
          "U&\"",
          "N'",
          "B'",
          "\\",
          "\\'",
          "$$",
          "$a$",
          "$",
          "$1",
          "--",
          "/*",
          "*/",
          "/",
          "*",
          "-",
          ";",
          "COMMIT",
          "; COMMIT;",
          "; COMMIT; SELECT ",
          "SELECT",
          "1",
          "1.",
          "1e",
          "0x",
          "a",
          "E",
          "x$",
          "\u00e9",
          "\u00a0",
          "\u2003",
          "\u0085",
          "\ud83d\ude00",
          ":p",
          ":",
          "::",
          ":=",
          "?",
          "??",
          "|",
          "@",
          "(",
          ")",
          "[",
          "]",
          ",",
          ".",
          "AS",
          "ORDER BY",
          "koyomi.jobs()",
          "koyomi.jobs() as j(",
          "a int",
          "UNION",
          "{",
          "}",
          "{fn",
          "{ts",
          "%s");

  private static final Map<String, String> VALUES =
      Map.of("p", "it's :q; -- ? \\ $$ /*", "q", "\u00e9\ud83d\ude00", "_long1", "");

  /**
   * A query whose parameters are known, as it is made.
   *
   * @param sql with named parameters
   * @param truth with literals in their places
   */
  private record Query(String sql, String truth) {
    static Query same(String text) {
      return new Query(text, text);
    }

    Query in(String before, String after) {
      return new Query(before + sql + after, before + truth + after);
    }

    static Query join(String between, List<Query> queries) {
      return new Query(
          String.join(between, queries.stream().map(Query::sql).toList()),
          String.join(between, queries.stream().map(Query::truth).toList()));
    }
  }

  @Test
  void aQueryGivesWhatItGivesWithItsValuesWrittenOut() throws SQLException {
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "create function rows_of(query text) returns setof text language plpgsql as $f$"
                        + " declare r record; begin for r in execute query loop return next"
                        + " r::text; end loop; end $f$"));
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      Fuzz.of("queries with parameters", 1500)
          .forAll(SqlTextFuzzDbTest::query, query -> isTheSame(connection, query));
    }
  }

  private static void isTheSame(Connection connection, Query query) {
    SqlText.Statement statement;
    try {
      List<SqlText.Statement> statements = SqlText.parse(query.sql).statements();
      assertThat(statements).hasSize(1);
      statement = statements.getFirst();
    } catch (SqlProblem problem) {
      throw new AssertionError("refused", problem);
    }
    String written = statement.rendered(name -> literal(Objects.requireNonNull(VALUES.get(name))));
    try {
      List<String> wanted = onServer(connection, query.truth);
      assertThat(bound(connection, statement)).isEqualTo(wanted);
      assertThat(onServer(connection, written)).isEqualTo(wanted);
    } catch (SQLException e) {
      throw new AssertionError(written, e);
    }
  }

  /** As the driver sends it, within another query as a trigger's is. */
  private static List<String> bound(Connection connection, SqlText.Statement statement)
      throws SQLException {
    try (PreparedStatement prepared =
        connection.prepareStatement(
            "select r::text from (\n%s\n) as r".formatted(statement.text()))) {
      for (int i = 0; i < statement.parameters().size(); i++) {
        prepared.setObject(i + 1, VALUES.get(statement.parameters().get(i)), Types.OTHER);
      }
      return read(prepared);
    }
  }

  /** On the server alone: the driver does not read it. */
  private static List<String> onServer(Connection connection, String sql) throws SQLException {
    try (PreparedStatement prepared = connection.prepareStatement("select rows_of(?)")) {
      prepared.setString(1, sql);
      return read(prepared);
    }
  }

  private static List<String> read(PreparedStatement query) throws SQLException {
    List<String> values = new ArrayList<>();
    try (ResultSet row = query.executeQuery()) {
      while (row.next()) {
        values.add(row.getString(1));
      }
    }
    return values;
  }

  private static Query query(Choices choices) {
    List<Query> items = choices.many(1, 5, () -> item(choices));
    return Query.join(
        "",
        List.of(
            Query.same(gap(choices) + "SELECT" + space(choices)),
            Query.join(",", items),
            Query.same(space(choices) + "FROM (VALUES (1, 2)) AS v(lo, hi)"),
            new Query(tail(choices), "")));
  }

  private static Query item(Choices choices) {
    return Query.join(
        gap(choices), List.of(expression(choices), Query.same(alias(choices)), Query.same("")));
  }

  private static Query expression(Choices choices) {
    return choices.by(
        () -> parameter(choices),
        () -> Query.same(string(choices)),
        () ->
            Query.join(
                gap(choices) + "||" + gap(choices),
                List.of(parameter(choices), Query.same(string(choices)), parameter(choices))),
        () ->
            Query.join(
                "",
                List.of(
                    Query.same("CASE WHEN " + string(choices) + "="),
                    parameter(choices),
                    Query.same(" THEN 1 ELSE 2 END"))),
        () ->
            Query.same(choices.of("ARRAY[1,2,3]", "'{1,2,3}'::int[]") + "::int[]")
                .in("(", ")" + slice(choices)),
        () -> Query.same(json(choices)),
        () ->
            Query.same(
                choices.of(
                    "1", "1.5", ".5", "1e3", "0x1F", "1_000", "5 - -3", "2*3", "- 1", "@ -3",
                    "5 % 3", "1 <> 2")),
        () -> Query.same("make_interval(days " + choices.of("=>", ":=") + " 1)"),
        () ->
            Query.join(
                "",
                List.of(
                    Query.same("ARRAY[" + gap(choices)),
                    parameter(choices),
                    Query.same("," + gap(choices)),
                    parameter(choices),
                    Query.same("]"))));
  }

  private static Query parameter(Choices choices) {
    String name = choices.of(List.of("p", "q", "_long1"));
    String cast = choices.of("::text", " :: text", "::\ntext", "::/**/text", ")");
    boolean called = cast.equals(")");
    String open = called ? "CAST(" : choices.of("", "(");
    String close = called ? " AS text)" : open.isEmpty() ? cast : ")" + cast;
    return new Query(
        open + ":" + name + close,
        open + literal(Objects.requireNonNull(VALUES.get(name))) + close);
  }

  private static String slice(Choices choices) {
    return choices
        .of(
            "[1:2]",
            "[lo:hi]",
            "[lo : hi]",
            "[(lo):(hi)]",
            "[:]",
            "[:hi]",
            "[ : hi]",
            "[v.lo:v.hi]",
            "[1:]",
            "[\"lo\":\"hi\"]")
        .replace("[:hi]", "[1:hi]");
  }

  private static String json(Choices choices) {
    return choices.of(
        "'{\"a\":1}'::jsonb ? 'a'",
        "'{\"a\":1}'::jsonb?'a'",
        "'{\"a\":1}'::jsonb ?| array['a','b']",
        "'{\"a\":1}'::jsonb ?& array['a']",
        "'{\"a\":[1]}'::jsonb @? '$.a[*] ? (@ > 0)'",
        "'{\"a\":1}'::jsonb @@ '$.a == 1'",
        "'{\"a\":1}'::jsonb ->> 'a'",
        "'{\"a\":1}'::jsonb #>> '{a}'",
        "'{\"a\":1}'::jsonb - 'a'");
  }

  private static String string(Choices choices) {
    String inner = choices.text(0, 6, () -> choices.of(TRAPS));
    return choices.by(
        () -> literal(inner),
        () -> "E'" + inner.replace("\\", "\\\\").replace("'", choices.of("''", "\\'")) + "'",
        () ->
            "e'"
                + inner.replace("\\", "\\\\").replace("'", "\\'")
                + "'\n "
                + choices.of("", "-- :p '\n", " --\r ")
                + "'"
                + choices.of("b\\'", "", "''", "\\\\")
                + "'",
        () -> literal(inner) + "\n'" + inner.replace("'", "''") + "'",
        () -> "U&'" + inner.replace("\\", "\\\\").replace("'", "''") + "\\0041'",
        () -> dollars(inner, "$$"),
        () -> dollars(inner, "$t$"),
        () -> dollars(inner, "$\u00e9_1$"),
        () -> "N" + literal(inner),
        () -> "B'01'::text",
        () -> "X'1F'::text");
  }

  private static String dollars(String inner, String tag) {
    // A tag's end within the text, or a $ before it, would be another text.
    return tag + inner.replace("$", "S") + tag;
  }

  private static String alias(Choices choices) {
    return choices.of(
        "",
        " AS a",
        " a$1",
        " AS \"a:p?\"",
        " AS \"it's \"\"x\"\" -- /*\"",
        " AS \u00e9$",
        " AS \"$$\"");
  }

  private static String tail(Choices choices) {
    return choices.of(
        "",
        " ",
        "\n",
        " -- :p ' ?",
        " /* :p ' ? */",
        "\n--",
        ";",
        " ; ",
        ";\n-- :p\n",
        " WHERE true");
  }

  private static String space(Choices choices) {
    return choices.of(" ", "\n", "\t", "\f", "\r", "/**/", " -- :p ' \n", "--\" $$ \r")
        + choices.of("", gap(choices));
  }

  private static String gap(Choices choices) {
    return choices.by(() -> "", () -> " ", () -> "\n", () -> "\r\n", () -> comment(choices));
  }

  private static String comment(Choices choices) {
    String inner = choices.text(0, 5, () -> choices.of(TRAPS));
    String line = inner.replace("\n", " ");
    String block = inner.replace("*/", "").replace("/*", "");
    return choices.by(
        () -> "--" + line + "\n",
        () -> "--" + line + "\r",
        () -> "/*" + block + " */",
        () -> "/*" + block + "/* " + block + " */ ' */");
  }

  private static String literal(String text) {
    return "'" + text.replace("'", "''") + "'";
  }

  @Test
  void whatIsTakenForOneTransactionIsOne() throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      Fuzz.of("texts with COMMIT in them", 3000)
          .forAll(
              choices ->
                  choices.by(() -> "", () -> "SELECT ", () -> "SELECT E'a'\n'")
                      + choices.text(1, 12, () -> choices.of(TOKENS)),
              text -> doesNotCommit(connection, text));
      connection.rollback();
    }
  }

  private static void doesNotCommit(Connection connection, String text) {
    SqlText sql;
    try {
      sql = SqlText.parse(text);
    } catch (SqlProblem problem) {
      assertThat(problem.getMessage()).endsWith(".").contains("line ").doesNotContain("\n");
      return;
    }
    if (sql.statements().stream().anyMatch(each -> each.keyword().equals("COMMIT"))) {
      return;
    }
    for (SqlText.Statement statement : sql.statements()) {
      assertThat(statement.rendered(name -> ":" + name)).isNotEmpty();
      try {
        String before = transaction(connection);
        try (PreparedStatement prepared = connection.prepareStatement(statement.text())) {
          for (int i = 0; i < statement.parameters().size(); i++) {
            prepared.setObject(i + 1, "1", Types.OTHER);
          }
          prepared.execute();
          assertThat(transaction(connection)).isEqualTo(before);
        } catch (SQLException e) {
          // Refused by the server as a whole, or by the driver, which counts parameters as we do.
          assertThat(e.getSQLState())
              .as(e.getMessage())
              .isNotNull()
              .doesNotStartWith("08")
              .isNotEqualTo("22023");
          if (e instanceof PSQLException server && server.getServerErrorMessage() != null) {
            // Aborted, not ended: a transaction that was ended goes on here without an error.
            assertThat(aborted(connection)).isTrue();
          }
        }
        connection.rollback();
      } catch (SQLException e) {
        throw new AssertionError(e);
      }
    }
  }

  private static String transaction(Connection connection) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement("select pg_current_xact_id()::text")) {
      return read(query).getFirst();
    }
  }

  private static boolean aborted(Connection connection) {
    try {
      transaction(connection);
      return false;
    } catch (SQLException e) {
      return "25P02".equals(e.getSQLState());
    }
  }
}
