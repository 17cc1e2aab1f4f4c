package dev.koyomi.runner.db;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.postgresql.ds.PGSimpleDataSource;

/** Connections to one database. */
public final class Database implements AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration SILENCE = Duration.ofMinutes(1);

  private final PGSimpleDataSource server;
  private final DataSource connections;
  private final Runnable closing;
  private final Jdbi jdbi;

  private Database(PGSimpleDataSource server, DataSource connections, Runnable closing) {
    this.server = server;
    this.connections = connections;
    this.closing = closing;
    this.jdbi = Jdbi.create(connections);
  }

  /**
   * Each use connects anew and fails at once when that fails: for commands of a few statements.
   *
   * @param purpose what the server shows as the session's application, such as {@code koyomi runs}
   */
  public static Database direct(DatabaseAddress address, String purpose) {
    PGSimpleDataSource source = source(address, purpose);
    return new Database(source, source, () -> {});
  }

  /**
   * Connections are kept; nothing connects before the first use.
   *
   * @param size most connections at a time
   * @param patience how long a caller waits for a connection, new tries included, until it gets an
   *     exception
   * @param longestStatement a server that is silent for a minute longer than this is taken for gone
   */
  public static Database pooled(
      DatabaseAddress address,
      String purpose,
      int size,
      Duration patience,
      Duration longestStatement) {
    PGSimpleDataSource source = source(address, purpose);
    source.setSocketTimeout((int) longestStatement.plus(SILENCE).toSeconds());
    HikariConfig config = new HikariConfig();
    config.setPoolName(purpose);
    config.setDataSource(source);
    config.setMaximumPoolSize(size);
    config.setMinimumIdle(0);
    config.setConnectionTimeout(patience.toMillis());
    config.setInitializationFailTimeout(-1);
    config.setExceptionOverride(new StatementErrors());
    HikariDataSource pool = new HikariDataSource(config);
    return new Database(source, pool, pool::close);
  }

  private static PGSimpleDataSource source(DatabaseAddress address, String purpose) {
    PGSimpleDataSource source = new PGSimpleDataSource();
    // Below: defaults that the URL may override, so they come first.
    source.setTcpKeepAlive(true);
    source.setConnectTimeout((int) CONNECT_TIMEOUT.toSeconds());
    source.setApplicationName(purpose);
    source.setUrl(address.jdbcUrl());
    if (!address.username().isEmpty()) {
      source.setUser(address.username());
    }
    if (!address.password().isEmpty()) {
      source.setPassword(address.password());
    }
    return source;
  }

  /** A connection beside the pool, for as long as its owner wants. */
  public Connection own(String purpose) throws SQLException {
    Connection connection = server.getConnection();
    try {
      connection.setClientInfo("ApplicationName", purpose);
      return connection;
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }

  public DataSource dataSource() {
    return connections;
  }

  public Jdbi jdbi() {
    return jdbi;
  }

  @Override
  public void close() {
    closing.run();
  }
}
