package dev.koyomi.runner.queue;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;

/**
 * A statement of the queue's own on the session of a slot, whose limit is the Unit's and may be
 * shorter than the queue needs on a bad day. Its own limit travels with it, and ends with its
 * transaction.
 */
public final class OwnStatement {
  /** Longest that one may take on the server. */
  public static final Duration LONGEST = Duration.ofMinutes(1);

  static final String LIMIT =
      "select set_config('statement_timeout', '%d', true); ".formatted(LONGEST.toMillis());

  private OwnStatement() {}

  public static PreparedStatement prepare(Connection connection, String sql) throws SQLException {
    return connection.prepareStatement(LIMIT + sql);
  }

  /** What the statement gives; what was prepared is closed by the caller. */
  public static ResultSet query(PreparedStatement prepared) throws SQLException {
    prepared.execute();
    prepared.getMoreResults();
    return prepared.getResultSet();
  }
}
