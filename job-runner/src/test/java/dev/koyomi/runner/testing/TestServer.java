package dev.koyomi.runner.testing;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Map;
import java.util.TimeZone;
import java.util.concurrent.atomic.AtomicInteger;

/** The one PostgreSQL server of this JVM, with a migrated database that others are copied from. */
final class TestServer {
  private static final String TEMPLATE = "koyomi_template";
  private static final AtomicInteger COPIES = new AtomicInteger();

  private final LocalPostgres postgres;

  private TestServer(LocalPostgres postgres) {
    this.postgres = postgres;
  }

  /** Started by the first test that needs it, in the module's target folder. */
  static TestServer shared() {
    return Holder.SHARED;
  }

  private static final class Holder {
    static final TestServer SHARED = start();
  }

  private static TestServer start() {
    // The driver hands the JVM's zone to each session: one that is nobody's, 45 minutes off.
    TimeZone.setDefault(TimeZone.getTimeZone("Pacific/Chatham"));
    LocalPostgres postgres =
        LocalPostgres.start(
            Path.of("target", "postgres"),
            new LocalPostgres.Options(
                true,
                true,
                Map.of(
                    "fsync", "off",
                    "full_page_writes", "off",
                    "synchronous_commit", "off",
                    "log_statement", "none")));
    Runtime.getRuntime().addShutdownHook(new Thread(postgres::close, "stop-postgres"));
    TestServer server = new TestServer(postgres);
    server.create(TEMPLATE, "template1");
    try (Database template = Database.direct(server.address(TEMPLATE), "migrate")) {
      new Migration(template).run();
      SliceChecks.add(template.jdbi());
    } catch (SQLException failed) {
      throw new IllegalStateException("The template of the test databases was not made.", failed);
    }
    return server;
  }

  DatabaseAddress copy() {
    String name = "koyomi_%d".formatted(COPIES.incrementAndGet());
    create(name, TEMPLATE);
    return address(name);
  }

  private void create(String name, String template) {
    try (Database admin = Database.direct(superuser("postgres"), "test")) {
      admin
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      "create database %s owner %s template %s"
                          .formatted(name, LocalPostgres.DATABASE, template)));
    }
  }

  DatabaseAddress superuser(String database) {
    return in(postgres.superuser(), database);
  }

  private DatabaseAddress address(String database) {
    return in(postgres.address(), database);
  }

  private static DatabaseAddress in(DatabaseAddress address, String database) {
    String server = address.jdbcUrl().substring(0, address.jdbcUrl().lastIndexOf('/') + 1);
    return new DatabaseAddress(server + database, address.username(), address.password());
  }
}
