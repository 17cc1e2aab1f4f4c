package dev.koyomi.runner.unit;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * The settings of a session as it began. What a Unit sets and commits stays for the jobs after it:
 * another search path, a time limit, read-only transactions, a role.
 */
final class SessionSettings {
  private final String begun;

  private SessionSettings(String begun) {
    this.begun = begun;
  }

  static SessionSettings of(Connection connection) throws SQLException {
    return new SessionSettings(present(connection));
  }

  /** Whether they are others now. */
  boolean changed(Connection connection) throws SQLException {
    return !present(connection).equals(begun);
  }

  private static String present(Connection connection) throws SQLException {
    return text(
        connection,
        """
        select current_user || ' ' || coalesce(string_agg(name || '=' || setting, ' ' order by name), '')
          from pg_catalog.pg_settings where source = 'session' and name not like 'transaction\\_%'
        """);
  }

  /** Whether the next transaction will be one that writes nothing. */
  static boolean readOnly(Connection connection) throws SQLException {
    return text(connection, "select pg_catalog.current_setting('transaction_read_only')")
        .equals("on");
  }

  private static String text(Connection connection, String query) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(query);
        ResultSet row = statement.executeQuery()) {
      row.next();
      return row.getString(1);
    }
  }
}
