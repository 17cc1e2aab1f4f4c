package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;

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
    boolean committed = false;
    try {
      Plan.Selection trigger = Objects.requireNonNull(plan.trigger());
      limitTime(connection, trigger.timeout());
      int maxJobs = trigger.maxJobs();
      ChunkInsert insert =
          ChunkInsert.prepare(connection, trigger, values, plan.unit().sql().parameters());
      insert.ofAllRows(connection, run, token);
      Counted counted = count(connection);
      Counts counts = counted.check(maxJobs);
      if (counts.duplicates > 0) {
        deleteChunks(connection);
        insert.ofTheFirstRowOfEachKey(connection, run, token);
        long kept = count(connection).rows;
        counts = new Counts(kept, Math.max(0, counted.rows - kept));
      }
      hold(connection);
      connection.commit();
      committed = true;
      return counts;
    } finally {
      if (!committed) {
        connection.rollback();
      }
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

  /** Also of a process that is gone: its successor waits for what it holds. */
  private static void limitTime(Connection connection, Duration timeout) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "select set_config('statement_timeout', ?, true),"
                + " set_config('idle_in_transaction_session_timeout', ?, true)")) {
      statement.setString(1, Long.toString(timeout.toMillis()));
      statement.setString(2, Long.toString(timeout.toMillis()));
      statement.execute();
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
