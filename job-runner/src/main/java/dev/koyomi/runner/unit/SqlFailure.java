package dev.koyomi.runner.unit;

import dev.koyomi.runner.queue.JobFailure;
import dev.koyomi.runner.queue.Slices;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * Reads a Unit's SQL error: whose fault it is, and what a person should read. Classes: PostgreSQL
 * manual, Appendix A.
 */
final class SqlFailure {
  /**
   * serialization_failure, deadlock_detected, lock_not_available: the same work may succeed at
   * once.
   */
  private static final Set<String> COLLISIONS = Set.of("40001", "40P01", "55P03");

  /**
   * protocol_violation, out_of_memory, configuration_limit_exceeded: of the classes of what cannot
   * be reached, but it is the statement that asks for too much.
   */
  private static final Set<String> OWN_FAULTS = Set.of("08P01", "53200", "53400");

  /** After so many collisions in a row it is a failed attempt. */
  static final int TRIES_IN_PLACE = 3;

  /** SQLSTATE of a Unit that took longer than it may, found by the runner. */
  static final String TOO_SLOW = "KY013";

  private static final String QUERY_CANCELED = "57014";
  private static final String INSUFFICIENT_PRIVILEGE = "42501";

  /** active_sql_transaction: such as VACUUM, which no Unit can do. */
  private static final String NOT_IN_A_TRANSACTION = "25001";

  private static final int LONGEST_MESSAGE = 2000;
  private static final String NO_MESSAGE = "error without a message";

  private SqlFailure() {}

  static boolean collision(SQLException e) {
    return COLLISIONS.contains(state(e));
  }

  /**
   * The server became a read-only one behind our back: waiting helps, and no attempt is counted.
   */
  static boolean readOnlyServer(SQLException e) {
    return state(e).equals("25006");
  }

  /** Whether it took longer than it may; sooner, it was a person who cancelled the statement. */
  static boolean timedOut(SQLException e, Duration timeout, long nanosTaken) {
    return state(e).equals(QUERY_CANCELED) && nanosTaken >= timeout.toNanos();
  }

  /** What an error of a Unit's statement means, on a connection that is still good. */
  static Ending ending(SQLException e, Duration timeout, long nanosTaken) {
    String state = state(e);
    if (!OWN_FAULTS.contains(state) && (state.startsWith("08") || state.startsWith("53"))) {
      return new Ending.Unreachable(
          new Ending.Failed(new JobFailure(state, words(e), JobFailure.Kind.Dead), true));
    }
    if (state.equals(TOO_SLOW)) {
      return tooSlow(timeout);
    }
    if (timedOut(e, timeout, nanosTaken)) {
      return tooSlow(timeout);
    }
    if (state.equals(Slices.FENCED)) {
      // The slice is held as before: it was not the queue that refused.
      return new Ending.Failed(
          new JobFailure(
              state,
              "the Unit raised an error of the queue's own, or changed what the queue holds of this"
                  + " job: "
                  + words(e),
              JobFailure.Kind.Dead),
          true);
    }
    if ((state.startsWith("42") && !state.equals(INSUFFICIENT_PRIVILEGE))
        || state.equals(NOT_IN_A_TRANSACTION)) {
      // The text of the Unit is wrong: no attempt can succeed before somebody changes it.
      return new Ending.Failed(
          new JobFailure(state, "spec.unit.sql: " + words(e), JobFailure.Kind.Dead), false);
    }
    return new Ending.Failed(
        new JobFailure(state.isEmpty() ? "SqlError" : state, words(e), JobFailure.Kind.Dead), true);
  }

  /** Whether it was raised by what a function does, which may be another thing for each job. */
  static boolean withinFunction(SQLException e) {
    return e instanceof PSQLException server
        && server.getServerErrorMessage() != null
        && server.getServerErrorMessage().getWhere() != null;
  }

  static Ending.Failed tooSlow(Duration timeout) {
    return new Ending.Failed(
        new JobFailure(
            "Timeout",
            "the Unit took longer than spec.unit.timeout = %s and was rolled back"
                .formatted(text(timeout)),
            JobFailure.Kind.Dead),
        true);
  }

  private static String text(Duration duration) {
    return duration.toMillis() % 1000 == 0
        ? duration.toSeconds() + "s"
        : duration.toMillis() + "ms";
  }

  private static String words(SQLException e) {
    String message =
        e instanceof PSQLException server && server.getServerErrorMessage() != null
            ? words(Objects.requireNonNull(server.getServerErrorMessage()))
            : Objects.requireNonNullElse(e.getMessage(), e.toString());
    // One line, without what would steer a terminal.
    String line = message.replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    if (line.isEmpty()) {
      return NO_MESSAGE;
    }
    int points = line.codePointCount(0, line.length());
    return points <= LONGEST_MESSAGE
        ? line
        : line.substring(0, line.offsetByCodePoints(0, LONGEST_MESSAGE)) + "…";
  }

  private static String words(ServerErrorMessage error) {
    String message = Objects.requireNonNullElse(error.getMessage(), NO_MESSAGE);
    String detail = error.getDetail() == null ? "" : " (" + error.getDetail() + ")";
    return error.getHint() == null ? message + detail : message + detail + ". " + error.getHint();
  }

  private static String state(SQLException e) {
    return Objects.requireNonNullElse(e.getSQLState(), "");
  }
}
