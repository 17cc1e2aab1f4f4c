package dev.koyomi.e2e;

import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;

/** The suite's PostgreSQL; pods come in through a gate, so that it can go away and come back. */
final class DatabaseServer implements AutoCloseable {
  private static final String PATTERN = "pattern";

  private final Path folder;
  private final String host;
  private final Gate gate;
  private LocalPostgres server;

  private DatabaseServer(Path folder, String host, Gate gate, LocalPostgres server) {
    this.folder = folder;
    this.host = host;
    this.gate = gate;
    this.server = server;
  }

  static DatabaseServer start(Path folder, String host) throws IOException {
    LocalPostgres server = LocalPostgres.start(folder, options(true));
    Gate gate = new Gate(host);
    gate.open(port(server));
    return new DatabaseServer(folder, host, gate, server);
  }

  private static LocalPostgres.Options options(boolean fresh) {
    return new LocalPostgres.Options(fresh, false, Map.of("max_connections", "300"));
  }

  /** The server goes away, as in a failover or an outage. */
  void stop() throws IOException {
    gate.shut();
    server.close();
  }

  void comeBack() throws IOException {
    server = LocalPostgres.start(folder, options(false));
    gate.open(port(server));
  }

  /** Makes what each test's database is a copy of: the example's customers, and a queue. */
  void prepare(Path example) throws IOException, SQLException {
    drop(PATTERN);
    asSuperuser("create database %s owner %s".formatted(PATTERN, username()));
    Database pattern = new Database(this, PATTERN);
    pattern.execute(example.resolve("schema.sql"));
    pattern.execute(example.resolve("data.sql"));
    try (var queue =
        dev.koyomi.runner.db.Database.direct(
            new DatabaseAddress(jdbcUrl(PATTERN), username(), password()), "koyomi e2e")) {
      new Migration(queue).run();
    }
  }

  Database create(String name) throws SQLException {
    asSuperuser("create database %s template %s owner %s".formatted(name, PATTERN, username()));
    return new Database(this, name);
  }

  void drop(String name) throws SQLException {
    asSuperuser("drop database if exists %s with (force)".formatted(name));
  }

  private void asSuperuser(String statement) throws SQLException {
    DatabaseAddress superuser = server.superuser();
    try (Connection connection =
            DriverManager.getConnection(
                superuser.jdbcUrl(), superuser.username(), superuser.password());
        Statement run = connection.createStatement()) {
      run.execute(statement);
    }
  }

  Connection connect(String database) throws SQLException {
    return DriverManager.getConnection(jdbcUrl(database), username(), password());
  }

  private String jdbcUrl(String database) {
    return "jdbc:postgresql://127.0.0.1:%d/%s".formatted(port(server), database);
  }

  /** The address that pods use. */
  String jdbcUriForPods(String database) {
    return "jdbc:postgresql://%s:%d/%s".formatted(host, gate.port(), database);
  }

  String username() {
    return server.address().username();
  }

  String password() {
    return server.address().password();
  }

  private static int port(LocalPostgres server) {
    return URI.create(server.address().jdbcUrl().substring("jdbc:".length())).getPort();
  }

  @Override
  public void close() throws IOException {
    gate.close();
    server.close();
  }
}
