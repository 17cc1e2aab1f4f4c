package dev.koyomi.crds.plan;

import dev.koyomi.crds.Job;
import dev.koyomi.crds.Rules;
import dev.koyomi.crds.Unit;
import dev.koyomi.crds.sql.SqlProblem;
import dev.koyomi.crds.sql.SqlText;
import dev.koyomi.crds.sql.SqlText.Statement;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Checks the SQL of trigger and Unit as far as it can be without a database. */
final class SqlCheck {
  /** The occurrence's date: all that a trigger knows. */
  private static final String LOGICAL_DATE = "logicalDate";

  private static final Set<String> QUERIES = Set.of("SELECT", "WITH", "VALUES", "TABLE");
  private static final Set<String> TRANSACTION_CONTROL =
      Set.of("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE");
  private static final Pattern PREPARE_TRANSACTION =
      Pattern.compile("PREPARE\\s+TRANSACTION\\b.*", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  /** What may stand before a word. */
  private static final Pattern BLANK =
      Pattern.compile("\\s++|--[^\\r\\n]*+|/\\*.*?\\*/", Pattern.DOTALL);

  private static final Set<String> SESSION_CONTROL = Set.of("SET", "RESET", "DISCARD");

  /** Behind SET: what ends with the transaction. */
  private static final Pattern OF_TRANSACTION =
      Pattern.compile("(?:LOCAL|TRANSACTION|CONSTRAINTS)\\b", Pattern.CASE_INSENSITIVE);

  /** Data that would go between the server and a client that speaks COPY. */
  private static final Pattern COPY_TO_CLIENT =
      Pattern.compile("\\b(?:STDIN|STDOUT)\\b", Pattern.CASE_INSENSITIVE);

  private final Problems problems;

  SqlCheck(Problems problems) {
    this.problems = problems;
  }

  /** The trigger's query. */
  @Nullable SqlText query(@Nullable String text, Job.@Nullable OrderMode order) {
    String field = "spec.trigger.sql";
    SqlText sql = parse(text, field);
    if (sql == null) {
      return null;
    }
    if (sql.statements().size() > 1) {
      problems.add(
          field,
          "The trigger is one query, and there are %d statements: keep one, and move what changes"
                  .formatted(sql.statements().size())
              + " data into the Unit.");
    } else if (!QUERIES.contains(sql.statements().getFirst().keyword())) {
      problems.add(
          field,
          "The trigger is a query: write one statement that begins with SELECT, WITH, VALUES or"
              + " TABLE, not with %s.".formatted(sql.statements().getFirst().keyword()));
    }
    if (order != null
        && order != Job.OrderMode.Unordered
        && !sql.statements().getLast().ordered()) {
      problems.add(
          field,
          "With order.mode %s the jobs are done in the order of this query, and it has none: end it with ORDER BY, outside all parentheses."
              .formatted(order));
    }
    for (String parameter : sql.parameters()) {
      if (!parameter.equals(LOGICAL_DATE)) {
        problems.add(
            field,
            "There is no parameter \":%s\" for a trigger: write :logicalDate, the only one."
                .formatted(parameter));
      }
    }
    return sql;
  }

  /** The Unit's statements. */
  @Nullable SqlText transaction(@Nullable String text, Unit.@Nullable CommitMode commit) {
    String field = "spec.unit.sql";
    SqlText sql = parse(text, field);
    if (sql == null) {
      return null;
    }
    for (Statement statement : sql.statements()) {
      boolean prepares = PREPARE_TRANSACTION.matcher(statement.text()).matches();
      if (prepares || TRANSACTION_CONTROL.contains(statement.keyword())) {
        problems.add(
            field,
            "%s does not belong in a Unit, which is one transaction that the worker begins and"
                    .formatted(prepares ? "PREPARE TRANSACTION" : statement.keyword())
                + " commits: take the statement out.");
      }
      if (SESSION_CONTROL.contains(statement.keyword()) && !setsTransaction(statement)) {
        problems.add(
            field,
            "%s would change the session, in which the jobs after this one are worked: write SET LOCAL, which ends with the Unit, or take the statement out."
                .formatted(statement.keyword()));
      }
    }
    if (sql.statements().stream().anyMatch(SqlCheck::copiesToClient)) {
      problems.add(
          field,
          "COPY with STDIN or STDOUT needs a program at its other end, and a Unit has none: write"
              + " INSERT or SELECT.");
    }
    if (commit == Unit.CommitMode.Chunk) {
      chunk(sql, field);
    } else if (commit != null && sql.usesJobs()) {
      problems.add(
          field,
          "koyomi.jobs() gives many jobs at once, and with commit.mode %s a statement works on one: write commit.mode Chunk, or :name for a column of the job."
              .formatted(commit));
    }
    return sql;
  }

  private static boolean copiesToClient(Statement statement) {
    return statement.keyword().equals("COPY") && COPY_TO_CLIENT.matcher(statement.text()).find();
  }

  private static boolean setsTransaction(Statement statement) {
    int behind = afterBlanks(statement.text(), 0) + statement.keyword().length();
    return statement.keyword().equals("SET")
        && OF_TRANSACTION
            .matcher(statement.text())
            .region(afterBlanks(statement.text(), behind), statement.text().length())
            .lookingAt();
  }

  private static int afterBlanks(String text, int from) {
    Matcher blank = BLANK.matcher(text).region(from, text.length());
    int at = from;
    while (blank.lookingAt()) {
      at = blank.end();
      blank.region(at, text.length());
    }
    return at;
  }

  private void chunk(SqlText sql, String field) {
    if (!sql.usesJobs()) {
      problems.add(
          field,
          "With commit.mode Chunk the statements work on many jobs at once, and these read none:"
              + " write FROM koyomi.jobs() AS job(…) with the columns that they need, or"
              + " commit.mode Each.");
    }
    if (!sql.parameters().isEmpty()) {
      problems.add(
          field,
          "With commit.mode Chunk there is no single job that :%s could come from: read the columns from koyomi.jobs()."
              .formatted(String.join(", :", sql.parameters())));
    }
  }

  private @Nullable SqlText parse(@Nullable String text, String field) {
    if (text == null) {
      return null;
    }
    try {
      SqlText sql = SqlText.parse(text);
      if (!sql.statements().isEmpty()) {
        return sql;
      }
      problems.add(field, Rules.NO_STATEMENT);
    } catch (SqlProblem e) {
      problems.add(field, e.getMessage());
    }
    return null;
  }
}
