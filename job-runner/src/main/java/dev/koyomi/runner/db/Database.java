package dev.koyomi.runner.db;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/** Connections to one database. */
public final class Database implements AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration SILENCE = Duration.ofMinutes(1);

  private final Server server;
  private final DataSource connections;
  private final Consumer<Connection> discarding;
  private final Runnable closing;
  private final Jdbi jdbi;

  private Database(
      Server server, DataSource connections, Consumer<Connection> discarding, Runnable closing) {
    this.server = server;
    this.connections = connections;
    this.discarding = discarding;
    this.closing = closing;
    this.jdbi = Jdbi.create(connections);
  }

  /** Opens sessions with their limits. */
  private static final class Server extends PGSimpleDataSource {
    private static final long serialVersionUID = 1;

    private final transient Limits limits;

    private Server(Limits limits) {
      this.limits = limits;
    }

    @Override
    public Connection getConnection(@Nullable String user, @Nullable String password)
        throws SQLException {
      return settled(super.getConnection(user, password), limits);
    }
  }

  /**
   * Each use connects anew and fails at once when that fails: for commands of a few statements.
   *
   * @param purpose what the server shows as the session's application, such as {@code koyomi runs}
   */
  public static Database direct(DatabaseAddress address, String purpose) {
    return direct(address, purpose, Limits.VERB);
  }

  /** The same with limits of its own. */
  public static Database direct(DatabaseAddress address, String purpose, Limits limits) {
    Server source = source(address, purpose, limits, "any");
    return new Database(source, source, _ -> {}, () -> {});
  }

  /**
   * Connections are kept; nothing connects before the first use.
   *
   * @param size most connections at a time
   * @param patience how long a caller waits for a connection, new tries included, until it gets an
   *     exception
   * @param longestStatement what the longest statement may take
   */
  public static Database pooled(
      DatabaseAddress address,
      String purpose,
      int size,
      Duration patience,
      Duration longestStatement) {
    Server source = source(address, purpose, Limits.of(longestStatement), "primary");
    HikariConfig config = new HikariConfig();
    config.setPoolName(purpose);
    config.setDataSource(source);
    config.setMaximumPoolSize(size);
    config.setMinimumIdle(0);
    config.setConnectionTimeout(patience.toMillis());
    config.setInitializationFailTimeout(-1);
    config.setExceptionOverride(new StatementErrors());
    HikariDataSource pool = new HikariDataSource(config);
    return new Database(source, pool, pool::evictConnection, pool::close);
  }

  /**
   * @param servers which of several servers will do: who works must find the primary after a
   *     failover, who only looks may look at a replica
   */
  private static Server source(
      DatabaseAddress address, String purpose, Limits limits, String servers) {
    Server source = new Server(limits);
    // Below: defaults that the URL may override, so they come first.
    source.setTcpKeepAlive(true);
    source.setTargetServerType(servers);
    source.setConnectTimeout((int) CONNECT_TIMEOUT.toSeconds());
    source.setApplicationName(purpose);
    // A server that says nothing long after its own limit is taken for gone.
    source.setSocketTimeout((int) limits.statement().plus(SILENCE).toSeconds());
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
  public Connection own(String purpose, Limits limits) throws SQLException {
    Connection connection = settled(server.getConnection(), limits);
    try {
      connection.setClientInfo("ApplicationName", purpose);
      return connection;
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }

  private static Connection settled(Connection connection, Limits limits) throws SQLException {
    try {
      limits.settle(connection);
      return connection;
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }

  /** Has a connection of the pool closed with its next return: its session may be in any state. */
  public void discard(Connection connection) {
    discarding.accept(connection);
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
