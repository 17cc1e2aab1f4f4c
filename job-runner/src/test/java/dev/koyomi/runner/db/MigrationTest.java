package dev.koyomi.runner.db;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class MigrationTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private final Migration migration = new Migration(database.database());

  @BeforeEach
  void withoutQueue() {
    database.jdbi().useHandle(handle -> handle.execute("drop schema if exists koyomi cascade"));
  }

  @Test
  void makesTheSchemaAndThenLeavesItAlone() throws Exception {
    assertThat(state()).isEqualTo(new SchemaState.Behind(0));
    assertThat(migration.run()).isEqualTo(new Migration.Outcome.Migrated(0, SchemaVersion.CURRENT));
    assertThat(state()).isEqualTo(new SchemaState.Current());
    assertThat(migration.run()).isEqualTo(new Migration.Outcome.UpToDate());
  }

  @Test
  void severalAtOnceDoItOnce() throws Exception {
    Callable<Migration.Outcome> run = migration::run;
    try (var threads = Executors.newFixedThreadPool(4)) {
      List<Future<Migration.Outcome>> all =
          threads.invokeAll(IntStream.range(0, 4).mapToObj(i -> run).toList());
      assertThat(all)
          .extracting(Future::get)
          .contains(new Migration.Outcome.Migrated(0, SchemaVersion.CURRENT));
    }
    assertThat(state()).isEqualTo(new SchemaState.Current());
  }

  @Test
  void refusesASchemaOfANewerRelease() throws Exception {
    migration.run();
    database
        .jdbi()
        .useHandle(
            handle -> handle.execute("update koyomi.meta set version = 99, schema_version = 99"));
    assertThat(migration.run()).isEqualTo(new Migration.Outcome.Refused(new SchemaState.Ahead(99)));
    assertThat(state().sentence())
        .isEqualTo(
            "The queue's schema has version 99, this release knows only %d: use the newer release that made it."
                .formatted(SchemaVersion.CURRENT));
  }

  @Test
  void worksWithANewerSchemaThatAllowsIt() throws Exception {
    migration.run();
    database.jdbi().useHandle(handle -> handle.execute("update koyomi.meta set version = 99"));
    assertThat(state()).isEqualTo(new SchemaState.Current());
  }

  @Test
  void bringsTheSchemaOfTheFirstReleaseUpToDate() throws Exception {
    Flyway.configure()
        .dataSource(database.dataSource())
        .defaultSchema("koyomi")
        .table("schema_history")
        .target("1")
        .load()
        .migrate();
    assertThat(state()).isEqualTo(new SchemaState.Behind(1));
    assertThat(migration.run()).isEqualTo(new Migration.Outcome.Migrated(1, SchemaVersion.CURRENT));
    assertThat(state()).isEqualTo(new SchemaState.Current());
  }

  private static SchemaState state() throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      return SchemaState.read(connection);
    }
  }
}
