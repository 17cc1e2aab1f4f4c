package dev.koyomi.bench.measure;

import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;

/** The PostgreSQL that a benchmark starts: new, durable, and with one database at a time. */
public final class Server implements AutoCloseable {
  private static final String DATABASE = "bench";
  private static final Map<String, String> PARAMETERS =
      Map.of("shared_buffers", "1GB", "max_wal_size", "4GB");

  private final LocalPostgres postgres;
  private final long postmaster;

  private Server(LocalPostgres postgres, long postmaster) {
    this.postgres = postgres;
    this.postmaster = postmaster;
  }

  public static Server start() throws SQLException, IOException {
    return start(Map.of());
  }

  /**
   * Starts the server.
   *
   * @param more server parameters beyond those that all benchmarks have
   */
  public static Server start(Map<String, String> more) throws SQLException, IOException {
    Map<String, String> parameters = new HashMap<>(PARAMETERS);
    parameters.putAll(more);
    LocalPostgres postgres =
        LocalPostgres.start(
            Path.of("target", "postgres"), new LocalPostgres.Options(true, true, parameters));
    try {
      Server server = new Server(postgres, postmaster(postgres.superuser()));
      System.out.printf("%s%n%n", server.described());
      return server;
    } catch (SQLException | IOException failed) {
      postgres.close();
      throw failed;
    }
  }

  private static long postmaster(DatabaseAddress superuser) throws SQLException, IOException {
    try (Connection connection = connect(superuser)) {
      long backend = number(connection, "select pg_backend_pid()");
      return ProcessHandle.of(backend)
          .flatMap(ProcessHandle::parent)
          .orElseThrow(() -> new IOException("No server process above " + backend))
          .pid();
    }
  }

  private String described() throws SQLException {
    try (Connection connection = connect(postgres.superuser());
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                select concat_ws(', ', 'PostgreSQL ' || current_setting('server_version'),
                  'fsync ' || current_setting('fsync'),
                  'synchronous_commit ' || current_setting('synchronous_commit'),
                  'shared_buffers ' || current_setting('shared_buffers'),
                  'max_wal_size ' || current_setting('max_wal_size'),
                  'autovacuum ' || current_setting('autovacuum'))
                """)) {
      row.next();
      return "%d cores, Java %s, %s"
          .formatted(
              Runtime.getRuntime().availableProcessors(), Runtime.version(), row.getString(1));
    }
  }

  /** An empty database in place of the one before; its owner is an ordinary role. */
  public DatabaseAddress freshDatabase() throws SQLException {
    try (Connection connection = connect(postgres.superuser());
        Statement statement = connection.createStatement()) {
      statement.execute("drop database if exists %s with (force)".formatted(DATABASE));
      statement.execute(
          "create database %s owner %s".formatted(DATABASE, postgres.address().username()));
    }
    return inside(postgres.address());
  }

  private static DatabaseAddress inside(DatabaseAddress address) {
    String url = address.jdbcUrl();
    return new DatabaseAddress(
        url.substring(0, url.lastIndexOf('/') + 1) + DATABASE,
        address.username(),
        address.password());
  }

  /** Another database of the same server, which stays. */
  public DatabaseAddress otherDatabase() {
    return postgres.address();
  }

  /** Units cannot become procedures there any more. */
  public void forbidTemporary() throws SQLException {
    try (Connection connection = connect(postgres.superuser());
        Statement statement = connection.createStatement()) {
      statement.execute(
          "revoke temporary on database %s from public, %s"
              .formatted(DATABASE, postgres.address().username()));
    }
  }

  /** What comes before every timed part: all tables vacuumed and analyzed, a checkpoint done. */
  public void settle() throws SQLException {
    try (Connection connection = connect(inside(postgres.superuser()));
        Statement statement = connection.createStatement()) {
      statement.execute("vacuum analyze");
      statement.execute("checkpoint");
    }
  }

  /** Counts from now on what others take of the machine. */
  public Noise noise() throws IOException {
    return Noise.since(postmaster);
  }

  /** One number out of the database, asked by the superuser. */
  public long number(String query) throws SQLException {
    try (Connection connection = connect(inside(postgres.superuser()))) {
      return number(connection, query);
    }
  }

  private static long number(Connection connection, String query) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return row.getLong(1);
    }
  }

  private static Connection connect(DatabaseAddress address) throws SQLException {
    return DriverManager.getConnection(address.jdbcUrl(), address.username(), address.password());
  }

  @Override
  public void close() {
    postgres.close();
  }
}
