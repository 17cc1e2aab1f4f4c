package dev.koyomi.runner.db;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
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
  void collectsNoStatisticsOfWhatIsInArraysAndJson() throws Exception {
    migration.run();

    // Of -1 and null the server's own target counts (pg_attribute.attstattarget).
    List<String> counted =
        database
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery(
                            """
                            select a.attrelid::regclass || '.' || a.attname
                              from pg_attribute a join pg_class c on c.oid = a.attrelid
                              join pg_type t on t.oid = a.atttypid
                              where c.relnamespace = 'koyomi'::regnamespace and c.relkind = 'r'
                                and a.attnum > 0 and not a.attisdropped
                                and (t.typcategory = 'A' or t.typname in ('json', 'jsonb'))
                                and coalesce(a.attstattarget, -1) <> 0
                              order by 1
                            """)
                        .mapTo(String.class)
                        .list());
    assertThat(counted).isEmpty();
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
    makeTheSchemaOfTheFirstRelease();
    assertThat(state()).isEqualTo(new SchemaState.Behind(1));
    assertThat(migration.run()).isEqualTo(new Migration.Outcome.Migrated(1, SchemaVersion.CURRENT));
    assertThat(state()).isEqualTo(new SchemaState.Current());
  }

  /**
   * A reader's transaction stays open; whoever comes after the migration that waits for it waits no
   * longer than one try.
   */
  @Test
  void letsOthersPassWhileItWaitsForALongTransaction() throws Exception {
    makeTheSchemaOfTheFirstRelease();
    BlockingQueue<String> said = new LinkedBlockingQueue<>();
    Migration patient = new Migration(database.database(), (sentence, _) -> said.add(sentence));
    try (var threads = Executors.newSingleThreadExecutor();
        Connection reader = database.dataSource().getConnection();
        Connection worker = database.dataSource().getConnection()) {
      reader.setAutoCommit(false);
      execute(reader, "set local application_name = 'the nightly dump'");
      execute(reader, "select from koyomi.run");
      execute(worker, "set lock_timeout = '20s'");
      Future<Migration.Outcome> migrated = threads.submit(patient::run);
      for (int i = 0; i < 3; i++) {
        awaitSomebodyWaitsForALock();
        execute(worker, "update koyomi.slice set due_at = due_at");
      }
      assertThat(said.take())
          .matches(
              "Process [0-9]+ of the server \\(the nightly dump\\), in a transaction since"
                  + " [0-9:]+ UTC, uses the queue's tables: the migration waits for its turn, and"
                  + " jobs go on meanwhile.");
      assertThat(migrated).isNotDone();
      execute(worker, "reset lock_timeout");
      reader.commit();

      assertThat(migrated.get(60, TimeUnit.SECONDS))
          .isEqualTo(new Migration.Outcome.Migrated(1, SchemaVersion.CURRENT));
    }
  }

  @Test
  void saysWhoseSchemaItIsThatHoldsSomethingElse() throws Exception {
    try (Connection owner = database.dataSource().getConnection()) {
      execute(owner, "drop schema if exists koyomi cascade");
      execute(owner, "create schema koyomi");
      execute(owner, "create table koyomi.run (x int)");
    }

    assertThat(new Migration(database.database()).run())
        .isEqualTo(
            new Migration.Outcome.Foreign(
                "The schema koyomi of this database holds something else, such as koyomi.run, and"
                    + " no queue: move that away, or name another database. Nothing was changed."));
  }

  @Test
  void changesNothingWhenItIsToWaitNoLonger() throws Exception {
    makeTheSchemaOfTheFirstRelease();
    try (Connection reader = database.dataSource().getConnection()) {
      reader.setAutoCommit(false);
      execute(reader, "select from koyomi.meta");

      Migration.Outcome outcome =
          new Migration(
                  database.database(),
                  (_, _) -> {
                    throw new InterruptedException();
                  })
              .run();

      assertThat(Thread.interrupted()).isTrue();
      assertThat(outcome).isInstanceOf(Migration.Outcome.InUse.class);
      reader.rollback();
    }
    assertThat(state()).isEqualTo(new SchemaState.Behind(1));
  }

  private static void makeTheSchemaOfTheFirstRelease() {
    Flyway.configure()
        .dataSource(database.dataSource())
        .defaultSchema("koyomi")
        .table("schema_history")
        .target("1")
        .load()
        .migrate();
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static void awaitSomebodyWaitsForALock() {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (database
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery(
                            "select count(*) from pg_locks where locktype = 'relation' and not"
                                + " granted and database = (select oid from pg_database where"
                                + " datname = current_database())")
                        .mapTo(Long.class)
                        .one())
        == 0) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  private static SchemaState state() throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      return SchemaState.read(connection);
    }
  }
}
