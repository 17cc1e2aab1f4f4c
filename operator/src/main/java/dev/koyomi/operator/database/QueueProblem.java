package dev.koyomi.operator.database;

import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import org.postgresql.util.PSQLException;

/** The queue cannot be used now; the message is a sentence without secrets. */
public final class QueueProblem extends Exception {
  private static final long serialVersionUID = 1;

  /** SQLSTATE: the order of a batch can only change while the batch is empty. */
  private static final String ORDER = "KY006";

  private final String reason;
  private final boolean refusal;

  public QueueProblem(String reason, String message) {
    this(reason, message, false);
  }

  private QueueProblem(String reason, String message, boolean refusal) {
    super(message);
    this.reason = reason;
    this.refusal = refusal;
  }

  /** The queue does not take this manifest; it goes on with the one before. */
  public static QueueProblem orderRefused(String sentence) {
    return new QueueProblem(
        "OrderChangeRefused",
        "%s. Until then the batch runs as the manifest before said, and this one is tried again by itself."
            .formatted(sentence),
        true);
  }

  /** Whether the queue can be used, but not for this manifest. */
  public boolean refusal() {
    return refusal;
  }

  /** One word for programs. */
  public String reason() {
    return reason;
  }

  static QueueProblem of(DatabaseAddress address, SQLException failure) {
    // The pool's own exception tells of its patience; the cause tells what is wrong.
    SQLException cause =
        failure instanceof SQLTransientConnectionException
                && failure.getCause() instanceof SQLException inner
            ? inner
            : failure;
    String said = said(cause);
    String state = cause.getSQLState() == null ? "" : cause.getSQLState();
    if (said.contains("targetServerType: primary")) {
      return readOnly(address, "no server of its address takes writes");
    }
    if (state.startsWith("28")) {
      return new QueueProblem(
          "CredentialsRefused",
          "The database %s refuses the Secret's username or password: %s."
              .formatted(address, said));
    }
    return switch (state) {
      case ORDER -> orderRefused(said);
      case "25006" -> readOnly(address, said);
      case "3D000" ->
          new QueueProblem(
              "DatabaseMissing",
              "The server has no such database as %s: %s.".formatted(address, said));
      case "42501" ->
          new QueueProblem(
              "RightsMissing",
              "The Secret's user %s lacks rights in the database %s: %s."
                  .formatted(address.username(), address, said));
      default ->
          state.isEmpty() || state.startsWith("08") || state.startsWith("57")
              ? new QueueProblem(
                  "DatabaseUnreachable",
                  "The database %s does not answer: %s.".formatted(address, said))
              : new QueueProblem(
                  "QueryFailed",
                  "The database %s refuses the operator's query: %s.".formatted(address, said));
    };
  }

  private static QueueProblem readOnly(DatabaseAddress address, String said) {
    return new QueueProblem(
        "DatabaseReadOnly",
        "The database %s is read-only, perhaps a replica: %s. Name the primary in the Secret."
            .formatted(address, said));
  }

  private static String said(SQLException cause) {
    if (cause instanceof PSQLException failure && failure.getServerErrorMessage() != null) {
      String message = failure.getServerErrorMessage().getMessage();
      return message == null ? "no reason given" : message;
    }
    Throwable below = cause.getCause();
    String message = String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    if (message.startsWith("The connection attempt failed") && below != null) {
      message = below.getClass().getSimpleName() + " " + below.getMessage();
    }
    return message.endsWith(".") ? message.substring(0, message.length() - 1) : message;
  }
}
