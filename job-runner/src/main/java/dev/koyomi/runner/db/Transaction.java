package dev.koyomi.runner.db;

import java.sql.Connection;
import java.sql.SQLException;

/** Work in one transaction of a connection, which is in auto-commit mode before and after. */
public final class Transaction {
  private Transaction() {}

  /** What is done in the transaction. */
  public interface Work<T, E extends Exception> {
    T get() throws SQLException, E;
  }

  private interface Ending {
    void of(Connection connection) throws SQLException;
  }

  /** Commits what the work did; where it raises, nothing of it stays. */
  public static <T, E extends Exception> T committed(Connection connection, Work<T, E> work)
      throws SQLException, E {
    return ended(connection, work, Connection::commit);
  }

  /** Takes back what the work did. */
  public static <T, E extends Exception> T rolledBack(Connection connection, Work<T, E> work)
      throws SQLException, E {
    return ended(connection, work, Connection::rollback);
  }

  private static <T, E extends Exception> T ended(
      Connection connection, Work<T, E> work, Ending ending) throws SQLException, E {
    connection.setAutoCommit(false);
    try {
      T result = work.get();
      ending.of(connection);
      connection.setAutoCommit(true);
      return result;
    } catch (Exception error) {
      rollBack(connection, error);
      throw error;
    }
  }

  /** The connection may be what is broken: what broke it says more than that it is closed. */
  private static void rollBack(Connection connection, Exception error) {
    try {
      connection.rollback();
      connection.setAutoCommit(true);
    } catch (SQLException gone) {
      error.addSuppressed(gone);
    }
  }
}
