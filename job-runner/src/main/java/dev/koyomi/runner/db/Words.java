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
            : with(Objects.requireNonNullElse(server.getMessage(), ""), server.getDetail());
    String line = text.replaceAll("\\s+", " ").strip();
    return line.endsWith(".") ? line : line + ".";
  }

  private static String with(String message, @Nullable String detail) {
    return detail == null ? message : "%s (%s)".formatted(message, detail);
  }
}
