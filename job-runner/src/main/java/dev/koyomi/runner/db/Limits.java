package dev.koyomi.runner.db;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;

/**
 * How long the server lets a session of ours go on, so that a process that is lost, or a network
 * that is cut, does not leave locks behind.
 *
 * @param statement longest for one statement
 * @param lock longest wait for one lock; zero: as long as the statement may take
 * @param idleInTransaction longest pause between two statements of a transaction
 */
public record Limits(Duration statement, Duration lock, Duration idleInTransaction) {
  /** While a statement runs, the server looks this often whether its client is still there. */
  public static final Duration CLIENT_CHECK = Duration.ofSeconds(5);

  /** Of what a person types: it may touch millions of jobs, but must not stand in a queue. */
  public static final Limits VERB =
      new Limits(Duration.ofMinutes(10), Duration.ofSeconds(30), Duration.ofMinutes(1));

  /**
   * Of changes to the schema: they may rewrite large tables, but while one waits for its lock all
   * workers wait behind it.
   */
  public static final Limits MIGRATION =
      new Limits(Duration.ofHours(6), Duration.ofSeconds(30), Duration.ofMinutes(10));

  /** Of a heartbeat with its sweep, which waits for nobody. */
  public static final Limits HEARTBEAT =
      new Limits(Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofSeconds(30));

  private static final Duration SHORTEST = Duration.ofMinutes(1);

  /** Of a process whose longest statement takes so long. */
  public static Limits of(Duration longestStatement) {
    Duration statement =
        longestStatement.compareTo(SHORTEST) < 0 ? SHORTEST : longestStatement.plus(SHORTEST);
    return new Limits(statement, Duration.ZERO, statement);
  }

  /** Sets them for the session; it may set others for its transactions. */
  void settle(Connection connection) throws SQLException {
    try (PreparedStatement settings =
        connection.prepareStatement(
            // A client's silence can be noticed from PostgreSQL 14 on, where the system allows it.
            // A role may have another isolation, in which the queue's functions would not see what
            // was committed while they waited for a lock.
            """
            select set_config('statement_timeout', ?, false),
                   set_config('lock_timeout', ?, false),
                   set_config('idle_in_transaction_session_timeout', ?, false),
                   set_config('default_transaction_isolation', 'read committed', false),
                   set_config('tcp_keepalives_idle', '60', false),
                   set_config('tcp_keepalives_interval', '10', false),
                   set_config('tcp_keepalives_count', '6', false),
                   case when current_setting('client_connection_check_interval', true) is not null
                             and version() !~* 'visual c|mingw|darwin'
                        then set_config('client_connection_check_interval', ?, false) end
            """)) {
      settings.setString(1, Long.toString(statement.toMillis()));
      settings.setString(2, Long.toString(lock.toMillis()));
      settings.setString(3, Long.toString(idleInTransaction.toMillis()));
      settings.setString(4, Long.toString(CLIENT_CHECK.toMillis()));
      settings.execute();
    }
  }
}
