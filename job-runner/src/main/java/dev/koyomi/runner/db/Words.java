package dev.koyomi.runner.db;

import java.net.UnknownHostException;
import java.sql.SQLException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** What the server said, as one sentence without its severity, position and line breaks. */
public final class Words {
  private Words() {}

  public static String of(SQLException error) {
    @Nullable ServerErrorMessage server =
        error instanceof PSQLException psql ? psql.getServerErrorMessage() : null;
    String text = server == null ? withCause(error) : with(server);
    String line = text.replaceAll("\\s+", " ").strip();
    return line.endsWith(".") ? line : line + ".";
  }

  /** The driver's own sentence, which does not always say what kept it from the server. */
  private static String withCause(SQLException error) {
    String message = Objects.requireNonNullElse(error.getMessage(), error.toString());
    if (!message.startsWith("The connection attempt failed") || error.getCause() == null) {
      return message;
    }
    return error.getCause() instanceof UnknownHostException unknown
        ? "there is no host %s".formatted(unknown.getMessage())
        : "%s: %s"
            .formatted(
                message.replaceFirst("\\.$", ""),
                Objects.requireNonNullElse(
                    error.getCause().getMessage(), error.getCause().toString()));
  }

  private static String with(ServerErrorMessage server) {
    String message = Objects.requireNonNullElse(server.getMessage(), "");
    String detail =
        server.getDetail() == null
            ? ""
            : " (%s)".formatted(server.getDetail().replaceFirst("\\.$", ""));
    return server.getHint() == null
        ? message + detail
        : "%s%s. %s".formatted(message, detail, server.getHint());
  }
}
