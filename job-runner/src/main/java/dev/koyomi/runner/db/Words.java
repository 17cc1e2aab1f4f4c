package dev.koyomi.runner.db;

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
    String text =
        server == null
            ? Objects.requireNonNullElse(error.getMessage(), error.toString())
            : with(server);
    String line = text.replaceAll("\\s+", " ").strip();
    return line.endsWith(".") ? line : line + ".";
  }

  private static String with(ServerErrorMessage server) {
    String message = Objects.requireNonNullElse(server.getMessage(), "");
    String detail = server.getDetail() == null ? "" : " (%s)".formatted(server.getDetail());
    return server.getHint() == null
        ? message + detail
        : "%s%s. %s".formatted(message, detail, server.getHint());
  }
}
