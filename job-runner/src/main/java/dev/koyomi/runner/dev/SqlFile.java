package dev.koyomi.runner.dev;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/** A file of SQL statements, run as one transaction: all of it or nothing. */
public record SqlFile(Path path, String text) {

  /** What one statement gave. */
  public sealed interface Result {
    /** Rows of a query, as text. */
    record Rows(List<String> columns, List<List<String>> rows) implements Result {
      public Rows {
        columns = List.copyOf(columns);
        rows = List.copyOf(rows);
      }
    }

    /** Rows that a statement touched. */
    record Touched(long rows) implements Result {}
  }

  /** Runs all statements in one transaction. */
  public List<Result> run(Connection connection) throws SQLException {
    return inTransaction(connection, () -> execute(connection));
  }

  private interface Work<T> {
    T run() throws SQLException;
  }

  private static <T> T inTransaction(Connection connection, Work<T> work) throws SQLException {
    boolean autoCommit = connection.getAutoCommit();
    connection.setAutoCommit(false);
    try {
      T results = work.run();
      connection.commit();
      return results;
    } catch (SQLException failed) {
      connection.rollback();
      throw failed;
    } finally {
      connection.setAutoCommit(autoCommit);
    }
  }

  /**
   * Runs the file unless this text of it was run in this database before.
   *
   * @return whether it was run now
   */
  public boolean runOnce(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(
          """
          create schema if not exists koyomi_dev;
          create table if not exists koyomi_dev.applied (path text, hash text, at timestamptz, primary key (path, hash));
          """);
    }
    if (applied(connection)) {
      return false;
    }
    inTransaction(
        connection,
        () -> {
          execute(connection);
          return note(connection);
        });
    return true;
  }

  private int note(Connection connection) throws SQLException {
    try (PreparedStatement note =
        connection.prepareStatement(
            "insert into koyomi_dev.applied (path, hash, at) values (?, ?, now())")) {
      note.setString(1, path.toString());
      note.setString(2, hash());
      return note.executeUpdate();
    }
  }

  private boolean applied(Connection connection) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            "select 1 from koyomi_dev.applied where path = ? and hash = ?")) {
      query.setString(1, path.toString());
      query.setString(2, hash());
      try (ResultSet row = query.executeQuery()) {
        return row.next();
      }
    }
  }

  private List<Result> execute(Connection connection) throws SQLException {
    List<Result> results = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      boolean rows = statement.execute(text);
      while (rows || statement.getLargeUpdateCount() >= 0) {
        if (rows) {
          results.add(rows(statement.getResultSet()));
        } else {
          results.add(new Result.Touched(statement.getLargeUpdateCount()));
        }
        rows = statement.getMoreResults();
      }
    }
    return results;
  }

  private static Result.Rows rows(ResultSet row) throws SQLException {
    ResultSetMetaData meta = row.getMetaData();
    List<String> columns = new ArrayList<>();
    for (int i = 1; i <= meta.getColumnCount(); i++) {
      columns.add(meta.getColumnLabel(i));
    }
    List<List<String>> rows = new ArrayList<>();
    while (row.next()) {
      List<String> cells = new ArrayList<>();
      for (int i = 1; i <= columns.size(); i++) {
        cells.add(Objects.requireNonNullElse(row.getString(i), ""));
      }
      rows.add(cells);
    }
    return new Result.Rows(columns, rows);
  }

  private String hash() {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
