package dev.koyomi.runner.unit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.sql.SqlText;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever one target's Unit does to its transaction, its session or the queue: it ends with words,
 * and the targets before and behind it are done.
 */
final class HostileUnitDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final String INVOICES =
      "select string_agg(subscription_id::text, ' ' order by subscription_id) from invoice";

  private static final List<String> ERRORS =
      List.of(
          "KY001", "KY002", "KY003", "KY009", "0A000", "08P01", "22012", "25006", "40001", "42P01",
          "53400", "57P01");

  private static final List<String> MISCHIEF =
      List.of(
          "delete from koyomi.slice",
          "update koyomi.slice set lease = null, worker_id = null",
          "update koyomi.slice set lease = lease + 1",
          "delete from koyomi.batch",
          "select koyomi.cancel_run(id, 'by the Unit') from koyomi.run",
          "set local transaction_read_only = on",
          "commit",
          "vacuum",
          "discard all",
          "copy invoice from stdin",
          "select repeat('x', 2000000000)",
          "select hostile(3)");

  private static final List<String> SETTINGS =
      List.of(
          "statement_timeout = '1ms'",
          "idle_in_transaction_session_timeout = '1ms'",
          "default_transaction_read_only = on",
          "search_path = pg_catalog, pg_temp");

  enum Way {
    EACH_COMPILED("{mode: Each}", true),
    EACH_SENT("{mode: Each}", false),
    MANY_COMPILED("{mode: Many, jobs: 7}", true),
    MANY_SENT("{mode: Many, jobs: 7}", false),
    CHUNK("{mode: Chunk}", false);

    private final String commit;
    private final boolean compiled;

    Way(String commit, boolean compiled) {
      this.commit = commit;
      this.compiled = compiled;
    }

    private String sql() {
      return this == CHUNK
          ? """
          SELECT hostile(job."subscriptionId") FROM koyomi.jobs() AS job("subscriptionId" int);
          INSERT INTO invoice (subscription_id, billing_date, amount)
          SELECT s.id, job."billingDate", s.fee
          FROM koyomi.jobs() AS job("subscriptionId" int, "billingDate" date)
          JOIN subscription s ON s.id = job."subscriptionId"
          """
          : """
          SELECT hostile(:subscriptionId);
          INSERT INTO invoice (subscription_id, billing_date, amount)
          SELECT id, :billingDate, fee FROM subscription WHERE id = :subscriptionId
          """;
    }

    String manifest() {
      return Billing.committing(Billing.unit(sql()), commit)
          .replace("maxAttempts: 2", "maxAttempts: 1");
    }
  }

  static Stream<Arguments> errors() {
    return everyWay(ERRORS);
  }

  @ParameterizedTest
  @MethodSource("errors")
  void anErrorOfAnyClassIsTheJobsOwn(String error, Way way) throws Exception {
    Billing billing = raising(way, "'by the Unit' using errcode = '%s'".formatted(error));

    work(billing, way);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/4/0/1");
    assertThat(billing.text(INVOICES)).isEqualTo("1 2 4 5");
    assertThat(billing.text("select key || ' ' || error_class || ' ' || kind from koyomi.dead"))
        .isEqualTo("3 " + error + " Dead");
    assertThat(message(billing)).endsWith("by the Unit");
  }

  @ParameterizedTest
  @EnumSource
  void aUnitThatSaysThatItsPermitLapsedIsNotBelieved(Way way) throws Exception {
    Billing billing =
        hostile(
            way.manifest().replace("job: {", "job: {limits: {rate: 1000/s}, "),
            "raise exception 'lapsed' using errcode = 'KY009'");

    work(billing, way);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/4/0/1");
    assertThat(billing.text("select key || ' ' || error_class from koyomi.dead"))
        .isEqualTo("3 KY009");
  }

  static Stream<Arguments> mischief() {
    return everyWay(MISCHIEF);
  }

  @ParameterizedTest
  @MethodSource("mischief")
  void whatOneUnitDoesEndsWithItsOwnTransaction(String mischief, Way way) throws Exception {
    Billing billing =
        hostile(way.manifest(), "execute '%s'".formatted(mischief.replace("'", "''")));

    work(billing, way);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/4/0/1");
    assertThat(billing.text(INVOICES)).isEqualTo("1 2 4 5");
    assertThat(billing.text("select key from koyomi.dead")).isEqualTo("3");
    assertThat(message(billing)).isNotBlank();
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }

  /** One of each kind: where it shows with the last commit, a run is closed by the next beat. */
  static Stream<Arguments> settings() {
    return everyWay(SETTINGS)
        .filter(
            each -> List.of(Way.EACH_COMPILED, Way.MANY_SENT, Way.CHUNK).contains(each.get()[1]));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void whatOneUnitSetsForItsSessionIsNotTheNextOnes(String setting, Way way) throws Exception {
    // It does all that it has to do, and only then spoils the session.
    Billing billing = hostile(way.manifest(), "null");
    billing.execute(
        "create or replace function spoil() returns trigger language plpgsql as $f$ begin set %s; return null; end $f$"
            .formatted(setting));
    billing.execute(
        "create constraint trigger spoil after insert on invoice deferrable initially deferred for"
            + " each row when (new.subscription_id = 3) execute function spoil()");

    work(billing, way);

    assertThat(billing.run()).isEqualTo("Succeeded 5/5/0/0");
    assertThat(billing.text(INVOICES)).isEqualTo("1 2 3 4 5");
  }

  /** The pool would hand it out again and again. */
  @ParameterizedTest
  @EnumSource(names = {"MANY_SENT", "CHUNK"})
  void aSessionThatWasLeftReadOnlyDoesNotStopItsSlot(Way way) throws Exception {
    Billing billing = hostile(way.manifest().replace("concurrency: 4", "concurrency: 1"), "null");
    billing.execute(
        "create or replace function spoil() returns trigger language plpgsql as $f$ begin set"
            + " default_transaction_read_only = on; return null; end $f$");
    billing.execute(
        "create constraint trigger spoil after insert on invoice deferrable initially deferred for"
            + " each row when (new.subscription_id = 5) execute function spoil()");
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "worker", EndRule.Stopped, true, Duration.ofMillis(200), Duration.ofSeconds(10));
    try (Database own = Database.pooled(DATABASE.address(), "hostile", 4, PATIENCE, PATIENCE);
        WorkerProcess worker =
            new WorkerProcess(own, billing.plan(), billing.batchId(), settings, System::nanoTime)
                .start()) {
      assertThat(worker.moving()).isTrue();
      awaitInvoices(billing, 5);
      billing.text(
          "select koyomi.enqueue('billing/invoices', 'more', '{\"subscriptionId\": 1,"
              + " \"billingDate\": \"2026-11-02\"}')::text");
      awaitInvoices(billing, 6);
    }
  }

  private static void awaitInvoices(Billing billing, int number) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (billing.count("select count(*) from invoice") < number) {
      assertThat(System.nanoTime()).as("%d invoices", number).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EACH_COMPILED", "MANY_SENT", "CHUNK"})
  void aUnitThatEndsItsSessionIsSetAsideAfterAFewTimes(Way way) throws Exception {
    Billing billing =
        hostile(
            way.manifest(), "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(10)");

    work(billing, way);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/4/0/1");
    assertThat(billing.text(INVOICES)).isEqualTo("1 2 4 5");
    assertThat(billing.text("select key || ' ' || error_class from koyomi.dead"))
        .isEqualTo("3 SessionLost");
  }

  @Test
  void jobsThatCannotBeReadAreNotTakenForDone() throws Exception {
    Billing billing = hostile(Way.CHUNK.manifest(), "execute 'reset all'");

    work(billing, Way.CHUNK);

    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/4/0/1");
    assertThat(message(billing)).startsWith("koyomi.jobs() has no jobs in this transaction");
  }

  static Stream<Arguments> messages() {
    return Stream.of(
        Arguments.of("''", "error without a message"),
        Arguments.of("E' \\n\\t'", "error without a message"),
        Arguments.of("E'two\\n  lines\\u001b[31m'", "two lines [31m"),
        Arguments.of("'%', repeat('x', 3000000)", "x".repeat(2000) + "…"),
        Arguments.of("'x%', repeat(U&'\\+01F600', 2000)", "x" + "😀".repeat(1999) + "…"));
  }

  @ParameterizedTest
  @MethodSource("messages")
  void keepsAnyMessageAsOneLineOfWords(String raised, String kept) throws Exception {
    Billing billing = raising(Way.EACH_SENT, raised);

    work(billing, Way.EACH_SENT);

    assertThat(message(billing)).isEqualTo(kept);
  }

  @Test
  void aCommentAtTheEndOfAStatementKeepsNoUnitFromBeingCompiled() throws Exception {
    hostile(Way.EACH_COMPILED.manifest(), "null");
    SqlText sql =
        SqlText.parse("INSERT INTO invoice (subscription_id, amount) VALUES (:id, 1) -- one each");
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      assertThat(new UnitProcedure(sql, false, PATIENCE).create(connection)).isTrue();
    }
  }

  private static Stream<Arguments> everyWay(List<String> each) {
    return each.stream()
        .flatMap(what -> Stream.of(Way.values()).map(way -> Arguments.of(what, way)));
  }

  private static String message(Billing billing) {
    return billing.text("select message from koyomi.dead");
  }

  private static Billing raising(Way way, String raised) throws Exception {
    return hostile(way.manifest(), "raise exception " + raised);
  }

  /** Five targets, of which the third does so. */
  private static Billing hostile(String manifest, String third) throws Exception {
    Billing billing = Billing.with(DATABASE, 5, manifest);
    billing.execute(
        "create or replace function hostile(target int) returns void language plpgsql as $f$ begin"
            + " if target = 3 then "
            + third
            + "; end if; end $f$");
    billing.fire();
    return billing;
  }

  /** With sessions of its own, as a Unit may leave them in any state. */
  private static void work(Billing billing, Way way) throws Exception {
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "worker-" + UUID.randomUUID(),
            EndRule.Drained,
            way.compiled,
            Duration.ofSeconds(5),
            Duration.ofSeconds(10));
    try (Database own = Database.pooled(DATABASE.address(), "hostile", 8, PATIENCE, PATIENCE);
        WorkerProcess worker =
            new WorkerProcess(own, billing.plan(), billing.batchId(), settings, System::nanoTime)
                .start()) {
      Thread working = Thread.ofPlatform().daemon().start(() -> await(worker));
      assertThat(working.join(PATIENCE)).as("the worker's end").isTrue();
    }
  }

  private static void await(WorkerProcess worker) {
    try {
      worker.awaitEnd();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
