package dev.koyomi.bench.contender;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/** Connections of the same kind for all who do not bring their own. */
public final class Pools {
  private Pools() {}

  /** A pool whose connections are all open: connecting is not what is measured. */
  public static HikariDataSource full(DatabaseAddress database, int size, boolean autoCommit)
      throws SQLException {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url(database));
    config.setUsername(database.username());
    config.setPassword(database.password());
    config.setMaximumPoolSize(size);
    config.setAutoCommit(autoCommit);
    HikariDataSource pool = new HikariDataSource(config);
    List<Connection> all = new ArrayList<>();
    try {
      for (int i = 0; i < size; i++) {
        all.add(pool.getConnection());
      }
    } finally {
      for (Connection connection : all) {
        connection.close();
      }
    }
    return pool;
  }

  /** Batches of inserts as one statement, and prepared on the server from the third use on. */
  static String url(DatabaseAddress database) {
    return database.jdbcUrl() + "?reWriteBatchedInserts=true&prepareThreshold=3";
  }

  static long number(DataSource connections, String query) throws SQLException {
    try (Connection connection = connections.getConnection();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return row.getLong(1);
    }
  }

  static void execute(DataSource connections, String script) throws SQLException {
    try (Connection connection = connections.getConnection()) {
      execute(connection, script);
    }
  }

  public static void execute(Connection connection, String script) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(script);
    }
  }
}
