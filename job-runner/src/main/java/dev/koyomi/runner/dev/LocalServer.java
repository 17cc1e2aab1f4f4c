package dev.koyomi.runner.dev;

import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** The server process of one data directory; the caller holds the folder's lock. */
final class LocalServer {
  static final String SUPERUSER = "postgres";
  private static final String STARTING_UP = "57P03";
  private static final Duration BETWEEN_CALLS = Duration.ofMillis(50);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int PORTS_TRIED = 3;

  private final LocalFolder folder;
  private final ServerUser user;
  private final Map<String, String> parameters;

  LocalServer(LocalFolder folder, ServerUser user, Map<String, String> parameters) {
    this.folder = folder;
    this.user = user;
    this.parameters = parameters;
  }

  /** The address of a server that answers: the one an earlier process left, or a new one. */
  DatabaseAddress answer() throws IOException {
    Optional<Postmaster> left = Postmaster.read(folder.data());
    if (left.isPresent() && left.get().servesFrom(folder.data())) {
      return whenItAnswers(left.get().port());
    }
    if (left.isPresent() && left.get().isAlive()) {
      // PostgreSQL removes the file of a dead process, and takes any live one for a server.
      Files.delete(Postmaster.file(folder.data()));
    }
    DataDirectory data = new DataDirectory(folder, user, PostgresBinaries.in(folder.path()));
    if (!data.exists()) {
      data.create();
    }
    return whenItAnswers(start(data));
  }

  private int start(DataDirectory data) throws IOException {
    for (int tries = 1; ; tries++) {
      int port = data.configure(parameters);
      ServerUser.Ended ended =
          data.control("start", "--wait", "--silent", "--log", folder.log().toString());
      if (ended.status() == 0) {
        return port;
      }
      String end = data.endOfLog();
      // Between the search for a free port and the start somebody else may have taken it.
      if (!end.contains("Address already in use") || tries == PORTS_TRIED) {
        throw new LocalPostgresException(
            "The local PostgreSQL in %s does not start: %s%nIts log ends with:%n%s%nWith --fresh its data is thrown away and made again."
                .formatted(folder.path(), ended.output().strip(), end));
      }
    }
  }

  private DatabaseAddress whenItAnswers(int port) throws IOException {
    DatabaseAddress superuser = address(port, "postgres", SUPERUSER);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        prepare(superuser);
        return address(port, LocalPostgres.DATABASE, LocalPostgres.DATABASE);
      } catch (SQLException failed) {
        if (!STARTING_UP.equals(failed.getSQLState()) || System.nanoTime() > deadline) {
          throw new LocalPostgresException(
              "The local PostgreSQL in %s does not answer on port %d: %s. With --fresh its data is thrown away and made again."
                  .formatted(folder.path(), port, failed.getMessage()),
              failed);
        }
        rest();
      }
    }
  }

  private static void rest() {
    try {
      Thread.sleep(BETWEEN_CALLS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new LocalPostgresException("Interrupted while waiting for PostgreSQL.", interrupted);
    }
  }

  /** An ordinary role, not the superuser, owns the database: as it will be on a cluster. */
  private static void prepare(DatabaseAddress superuser) throws SQLException {
    try (Connection connection =
            DriverManager.getConnection(
                superuser.jdbcUrl(), superuser.username(), superuser.password());
        Statement statement = connection.createStatement()) {
      try (var row =
          statement.executeQuery(
              "select 1 from pg_database where datname = '%s'".formatted(LocalPostgres.DATABASE))) {
        if (row.next()) {
          return;
        }
      }
      statement.execute("drop role if exists %s".formatted(LocalPostgres.DATABASE));
      // Neither contains a quote: one is ours, the other hexadecimal.
      statement.execute(
          "create role %s login password '%s'"
              .formatted(LocalPostgres.DATABASE, superuser.password()));
      statement.execute("create database %1$s owner %1$s".formatted(LocalPostgres.DATABASE));
    }
  }

  private DatabaseAddress address(int port, String database, String username) throws IOException {
    return new DatabaseAddress(
        "jdbc:postgresql://127.0.0.1:%d/%s".formatted(port, database),
        username,
        Files.readString(folder.password()));
  }

  void stop() throws IOException {
    Optional<Postmaster> postmaster = Postmaster.read(folder.data());
    if (postmaster.isEmpty() || !postmaster.get().servesFrom(folder.data())) {
      return;
    }
    DataDirectory data = new DataDirectory(folder, user, PostgresBinaries.in(folder.path()));
    ServerUser.Ended ended = data.control("stop", "--wait", "--silent", "--mode=fast");
    if (ended.status() != 0) {
      throw new LocalPostgresException(
          "The local PostgreSQL in %s does not stop: %s"
              .formatted(folder.path(), ended.output().strip()));
    }
  }
}
