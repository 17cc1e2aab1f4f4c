package dev.koyomi.e2e;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A batch's database, as the test sees it. */
record Database(DatabaseServer server, String name) {

  /** A run as the view koyomi.runs shows it. */
  record Run(
      long id,
      Instant occurrence,
      String request,
      String state,
      @Nullable String reason,
      @Nullable String message,
      int attempt,
      long selected,
      long succeeded,
      long skipped,
      long dead) {}

  void execute(Path file) throws IOException {
    execute(Files.readString(file));
  }

  void execute(String statements) {
    try (Connection connection = server.connect(name);
        var statement = connection.createStatement()) {
      statement.execute(statements);
    } catch (SQLException failed) {
      throw new IllegalStateException(failed);
    }
  }

  /** Lets nobody write into the table until it is closed. */
  AutoCloseable lock(String table) throws SQLException {
    Connection connection = server.connect(name);
    connection.setAutoCommit(false);
    try (var statement = connection.createStatement()) {
      statement.execute("lock table %s in exclusive mode".formatted(table));
    }
    return connection;
  }

  long count(String query) {
    return rows(query, row -> row.getLong(1)).getFirst();
  }

  List<Run> runs() {
    if (count("select count(*) from pg_views where schemaname = 'koyomi'") == 0) {
      return List.of();
    }
    return rows(
        """
        select id, occurrence, request, state, reason, message, attempt,
               coalesce(selected, 0) as selected, succeeded, skipped, dead
        from koyomi.runs order by id
        """,
        row ->
            new Run(
                row.getLong("id"),
                row.getObject("occurrence", OffsetDateTime.class).toInstant(),
                row.getString("request"),
                row.getString("state"),
                row.getString("reason"),
                row.getString("message"),
                row.getInt("attempt"),
                row.getLong("selected"),
                row.getLong("succeeded"),
                row.getLong("skipped"),
                row.getLong("dead")));
  }

  /** The only run there is. */
  Run run() {
    List<Run> runs = runs();
    if (runs.size() != 1) {
      throw new AssertionError("There should be one run: " + runs);
    }
    return runs.getFirst();
  }

  long invoices() {
    return count("select count(*) from invoice");
  }

  /** Entries as if they had been there for an hour: a test may fire a slot of this minute. */
  void registeredAnHourAgo() {
    execute("update koyomi.entry set watermark = watermark - interval '1 hour'");
  }

  <T> List<T> rows(String query, RowReader<T> reader) {
    try (Connection connection = server.connect(name);
        PreparedStatement statement = connection.prepareStatement(query);
        ResultSet row = statement.executeQuery()) {
      List<T> rows = new ArrayList<>();
      while (row.next()) {
        rows.add(reader.read(row));
      }
      return rows;
    } catch (SQLException failed) {
      throw new IllegalStateException(query, failed);
    }
  }

  interface RowReader<T> {
    T read(ResultSet row) throws SQLException;
  }
}
