package dev.koyomi.operator.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.status.Observed;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The operator's few queries on the real schema. */
final class JdbcQueueClientDbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private static final BatchName INVOICES = new BatchName("billing", "invoices");
  private static final String DEFINITION =
      """
      {"spec": {"timeZone": "Asia/Tokyo", "schedules": [{"name": "nightly", "cron": "0 1 * * *"}]}}
      """;

  @Test
  void readsTheVersionOfTheSchema() throws QueueProblem {
    try (QueueClient queue = connect(address("right"))) {
      assertThat(queue.schema().version()).isEqualTo(SchemaVersion.CURRENT);
      queue.sweep();
    }
  }

  @Test
  void findsNoSchemaInAnEmptyDatabase() throws QueueProblem {
    DatabaseAddress right = address("right");
    DatabaseAddress empty =
        new DatabaseAddress(
            right.servers(), "postgres", right.username(), right.password(), Map.of());
    try (QueueClient queue = connect(empty)) {
      assertThat(queue.schema()).isEqualTo(QueueClient.Schema.NONE);
    }
  }

  @Test
  void seesTheNewestRunOfABatchAndItsBacklog() throws Exception {
    Billing billing = Billing.with(database, 20);
    try (QueueClient queue = connect(address("right"))) {
      Observed before = Objects.requireNonNull(queue.look(Set.of(INVOICES)).get(INVOICES));
      assertThat(before.lastRun()).isEmpty();
      billing.fire();
      Observed after = Objects.requireNonNull(queue.look(Set.of(INVOICES)).get(INVOICES));
      assertThat(after.queue().waiting()).isEqualTo(20);
      assertThat(after.lastRun())
          .hasValueSatisfying(
              run -> {
                assertThat(run.shown().state()).isEqualTo("Running");
                assertThat(run.shown().occurrence()).isEqualTo("2026-10-31T16:00:00Z");
                assertThat(run.shown().logicalDate()).isEqualTo("2026-11-01");
                assertThat(run.shown().selected()).isEqualTo(20);
                assertThat(run.shown().succeeded()).isZero();
              });
      assertThat(queue.look(Set.of(new BatchName("billing", "unknown")))).isEmpty();
    }
  }

  /** What the operator relies on when it starts the schedule again after a pause. */
  @Test
  void aResumedBatchStartsItsWatermarksAnew() throws Exception {
    database.clear();
    try (QueueClient queue = connect(address("right"))) {
      queue.register(new Registration(INVOICES, "uid", 1, false, DEFINITION));
      Instant first = watermark();
      queue.register(new Registration(INVOICES, "uid", 2, false, DEFINITION));
      assertThat(watermark()).isEqualTo(first);
      queue.register(new Registration(INVOICES, "uid", 3, true, DEFINITION));
      assertThat(watermark()).isEqualTo(first);
      queue.register(new Registration(INVOICES, "uid", 4, false, DEFINITION));
      assertThat(watermark()).isAfter(first);
    }
  }

  private static Instant watermark() {
    return database
        .jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery("select watermark from koyomi.entry")
                    .mapTo(Instant.class)
                    .one());
  }

  @Test
  void saysWhoseTheQueueIs() throws Exception {
    try (QueueClient queue = connect(address("right"))) {
      assertThat(queue.schema().installation()).isEmpty();
      assertThat(queue.claim("one")).isEqualTo("one");
      assertThat(queue.claim("two")).isEqualTo("one");
      assertThat(queue.schema())
          .isEqualTo(
              new QueueClient.Schema(
                  SchemaVersion.CURRENT, queue.schema().oldest(), Optional.of("one")));
    } finally {
      database
          .jdbi()
          .useHandle(handle -> handle.execute("update koyomi.meta set installation = null"));
    }
  }

  @Test
  void saysThatTheOrderCannotChangeWhileTheBatchIsNotEmpty() throws Exception {
    Billing billing = Billing.with(database, 20);
    billing.fire();
    String ordered =
        Billing.definition(
            Billing.manifest("job: {", "job: {order: {mode: FifoByKey, lanes: 8}, "));
    Registration registration = new Registration(INVOICES, "test", 2, false, ordered);
    try (QueueClient queue = connect(address("right"))) {
      assertThatThrownBy(() -> queue.register(registration))
          .isInstanceOfSatisfying(
              QueueProblem.class,
              problem -> {
                assertThat(problem.refusal()).isTrue();
                assertThat(problem.reason()).isEqualTo("OrderChangeRefused");
                assertThat(problem)
                    .hasMessage(
                        "spec.job.order: the order can only change while the batch is empty, and 20"
                            + " of its jobs are unfinished; let them end, or clear them. Until then"
                            + " the batch runs as the manifest before said, and this one is tried"
                            + " again by itself.");
              });
      assertThat(billing.text("select generation || mode from koyomi.batch"))
          .isEqualTo("1Unordered");
      billing.drain();
      queue.register(registration);
      assertThat(billing.text("select generation || mode from koyomi.batch"))
          .isEqualTo("2FifoByKey");
    }
  }

  /** Each poll of each operator would otherwise be a transaction that the server must keep. */
  @Test
  void aPollOfAnIdleQueueWritesNothing() throws Exception {
    Billing billing = Billing.with(database, 20);
    billing.execute("update subscription set fee = null where id = 1");
    billing.fire();
    billing.drain();
    try (QueueClient queue = connect(address("right"))) {
      queue.claim("one");
      long before = billing.count(NEXT_TRANSACTION);
      for (int poll = 0; poll < 20; poll++) {
        queue.schema();
        queue.sweep();
        queue.look(Set.of(INVOICES));
      }
      // What the server does by itself, such as an autovacuum, takes one now and then.
      assertThat(billing.count(NEXT_TRANSACTION) - before).isLessThan(20);
    } finally {
      database
          .jdbi()
          .useHandle(handle -> handle.execute("update koyomi.meta set installation = null"));
    }
  }

  /** There may be no worker and no trigger that would. */
  @Test
  void aLookFreesWhatALostWorkerHeld() throws Exception {
    Billing billing = Billing.with(database, 20);
    billing.fire();
    long lost = billing.join();
    try (Connection connection = database.dataSource().getConnection()) {
      assertThat(billing.lease(connection, lost)).isPresent();
    }
    billing.execute("update koyomi.worker set lost_at = koyomi.now() where id = " + lost);

    try (QueueClient queue = connect(address("right"))) {
      QueueWatch watch =
          new QueueWatch(
              address("right"), queue, Optional.empty(), InstantSource.system(), _ -> {});
      watch.add(INVOICES);
      watch.runOnce();
      assertThat(watch.state()).isEqualTo(new QueueState.Working());
    }

    assertThat(billing.count("select count(*) from koyomi.slice where lease is not null")).isZero();
  }

  private static final String NEXT_TRANSACTION =
      "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

  /** A view of the operator's tells what holds for its session. */
  @Test
  void itsTransactionsHaveLimits() throws Exception {
    database.clear();
    String role = "alter role %s ".formatted(database.address().username());
    superuser(role + "set default_transaction_isolation = 'serializable'");
    try (QueueClient queue = connect(address("right"))) {
      database
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      """
                      create table seen (what text);
                      create function see() returns trigger language plpgsql as $$
                      begin
                        insert into seen select string_agg(current_setting(name), ' ' order by n)
                          from unnest(array['application_name', 'statement_timeout', 'lock_timeout',
                            'idle_in_transaction_session_timeout', 'client_connection_check_interval',
                            'transaction_isolation'])
                            with ordinality as s(name, n);
                        return null;
                      end $$;
                      create trigger see after insert on koyomi.batch for each row execute function see()
                      """));
      queue.register(new Registration(INVOICES, "uid", 1, false, DEFINITION));
      String seen =
          database
              .jdbi()
              .withHandle(
                  handle -> handle.createQuery("select what from seen").mapTo(String.class).one());
      assertThat(seen).isEqualTo("koyomi operator 15s 10s 15s 5s read committed");
    } finally {
      superuser(role + "reset default_transaction_isolation");
      database
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      "drop trigger if exists see on koyomi.batch; drop function see; drop table"
                          + " seen"));
    }
  }

  private static void superuser(String statement) {
    try (Database superuser = Database.direct(database.superuser(), "test")) {
      superuser.jdbi().useHandle(handle -> handle.execute(statement));
    }
  }

  @Test
  void saysThatTheServerIsReadOnly() {
    String name =
        database.address().jdbcUrl().substring(database.address().jdbcUrl().lastIndexOf('/') + 1);
    try (Database superuser = Database.direct(database.superuser(), "test")) {
      superuser
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      "alter role %s in database %s set default_transaction_read_only = on"
                          .formatted(database.address().username(), name)));
      try (QueueClient queue = connect(address("right"))) {
        assertThatThrownBy(
                () -> queue.register(new Registration(INVOICES, "uid", 9, false, DEFINITION)))
            .isInstanceOfSatisfying(
                QueueProblem.class,
                problem -> {
                  assertThat(problem.reason()).isEqualTo("DatabaseReadOnly");
                  assertThat(problem).hasMessageContaining("is read-only, perhaps a replica");
                });
      } finally {
        superuser
            .jdbi()
            .useHandle(
                handle ->
                    handle.execute(
                        "alter role %s in database %s reset default_transaction_read_only"
                            .formatted(database.address().username(), name)));
      }
    }
  }

  @Test
  void saysThatThePasswordIsRefusedWithoutSayingIt() {
    try (QueueClient queue = connect(address("s3cret"))) {
      assertThatThrownBy(queue::schema)
          .isInstanceOfSatisfying(
              QueueProblem.class,
              problem -> {
                assertThat(problem.reason()).isEqualTo("CredentialsRefused");
                assertThat(problem)
                    .hasMessageContaining("username or password")
                    .hasMessageNotContaining("s3cret");
              });
    }
  }

  @Test
  void saysThatNobodyAnswers() {
    DatabaseAddress right = address("right");
    DatabaseAddress nobody =
        new DatabaseAddress(
            java.util.List.of(new DatabaseAddress.Server("127.0.0.1", 1)),
            "app",
            right.username(),
            "s3cret",
            Map.of());
    try (QueueClient queue = connect(nobody)) {
      assertThatThrownBy(queue::schema)
          .isInstanceOfSatisfying(
              QueueProblem.class,
              problem -> {
                assertThat(problem.reason()).isEqualTo("DatabaseUnreachable");
                assertThat(problem)
                    .hasMessageStartingWith("The database 127.0.0.1:1/app does not answer: ")
                    .hasMessageNotContaining("s3cret");
              });
    }
  }

  @Test
  void saysWhichRightsAreMissing() {
    try (Database superuser = Database.direct(database.superuser(), "test")) {
      superuser
          .jdbi()
          .useHandle(handle -> handle.execute("create role poor login password 'poor'"));
    }
    DatabaseAddress right = address("right");
    DatabaseAddress poor =
        new DatabaseAddress(right.servers(), right.database(), "poor", "poor", right.parameters());
    try (QueueClient queue = connect(poor)) {
      assertThatThrownBy(queue::schema)
          .isInstanceOfSatisfying(
              QueueProblem.class,
              problem -> assertThat(problem.reason()).isEqualTo("RightsMissing"));
    }
  }

  private static QueueClient connect(DatabaseAddress address) {
    return JdbcQueueClient.connect(address, Duration.ofMillis(500));
  }

  /**
   * The test's database as a Secret would name it; with another password when it is not the right
   * one.
   */
  private static DatabaseAddress address(String password) {
    Map<String, String> secret =
        Map.of(
            "jdbc-uri", encode(database.address().jdbcUrl()),
            "username", encode(database.address().username()),
            "password",
                encode(password.equals("right") ? database.address().password() : password));
    return ((SecretRead.Found) SecretContent.read("ns/db", secret)).address();
  }

  private static String encode(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
