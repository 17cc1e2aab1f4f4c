package dev.koyomi.runner.trigger;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Rehearsal;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The targets lie in one database, the queue and the invoices in another. */
class TriggerDatabaseDbTest {
  @RegisterExtension static final TestDatabase QUEUE = new TestDatabase();
  @RegisterExtension static final TestDatabase CUSTOMERS = new TestDatabase();

  private static final String ELSEWHERE =
      Billing.manifest("timeout: 1m", "timeout: 1m\n    database: {secretName: customers}");

  @TempDir private Path folder;

  @BeforeEach
  void customersElsewhere() {
    CUSTOMERS
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("drop table if exists subscription");
              handle.execute("create table subscription (id int, active boolean)");
              handle.execute(
                  "insert into subscription select g, true from generate_series(1, 1200) g");
            });
  }

  private static TriggerRun trigger(Billing billing, DatabaseAddress customers) {
    return new TriggerRun(
        QUEUE.database(),
        Optional.of(Database.direct(customers, "test")),
        billing.plan(),
        billing.definition().revision(),
        "trigger",
        _ -> Thread.onSpinWait(),
        _ -> Optional.empty());
  }

  @Test
  void selectsThereAndWorksHere() throws Exception {
    Billing billing = Billing.with(QUEUE, 1200, ELSEWHERE);

    // Were the query run here, it would find nobody.
    billing.count(
        "with off as (update subscription set active = false returning 1) select count(*) from"
            + " off");
    TriggerResult result =
        trigger(billing, CUSTOMERS.address()).fire(new Fired.SlotByPerson(Billing.SLOT));

    assertThat(result)
        .isEqualTo(
            new TriggerResult.Dispatched(
                1, LocalDate.parse("2026-11-01"), 1200, 0, RunState.Running));
    assertThat(billing.text("select string_agg(size::text, ',' order by id) from koyomi.chunk"))
        .isEqualTo("500,500,200");
    assertThat(
            billing.text("select koyomi.payload_of(id, 0) from koyomi.chunk order by id limit 1"))
        .isEqualTo("{\"billingDate\": \"2026-11-01\", \"subscriptionId\": 1}");
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 1200/1200/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(1200);
  }

  @Test
  void rehearsesThereWithoutATrace() throws Exception {
    Billing billing = Billing.with(QUEUE, 1, ELSEWHERE);

    Rehearsed rehearsed =
        trigger(billing, CUSTOMERS.address()).rehearse(new Fired.SlotByPerson(Billing.SLOT));

    assertThat(rehearsed)
        .isEqualTo(
            new Rehearsed.Targets(
                LocalDate.parse("2026-11-01"),
                new Rehearsal(1200, 0, 0, 0, List.of("1", "2", "3", "4", "5"))));
    assertThat(billing.count("select count(*) from koyomi.run")).isZero();
    assertThat(billing.count("select count(*) from koyomi.chunk")).isZero();
  }

  @Test
  void takesTheFirstRowOfAKey() throws Exception {
    Billing billing = Billing.with(QUEUE, 1, ELSEWHERE.replace("id AS key", "id % 400 AS key"));

    assertThat(trigger(billing, CUSTOMERS.address()).fire(new Fired.SlotByPerson(Billing.SLOT)))
        .isEqualTo(
            new TriggerResult.Dispatched(
                1, LocalDate.parse("2026-11-01"), 400, 800, RunState.Running));
  }

  @Test
  void changesNothingThere() throws Exception {
    CUSTOMERS
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "create or replace function touch() returns boolean language sql as 'delete"
                        + " from subscription returning true'"));
    Billing billing = Billing.with(QUEUE, 1, ELSEWHERE.replace("WHERE active", "WHERE touch()"));

    assertThat(trigger(billing, CUSTOMERS.address()).fire(new Fired.SlotByPerson(Billing.SLOT)))
        .isNotInstanceOf(TriggerResult.Dispatched.class);
    assertThat(
            CUSTOMERS
                .jdbi()
                .<Long, RuntimeException>withHandle(
                    handle ->
                        handle
                            .createQuery("select count(*) from subscription")
                            .mapTo(Long.class)
                            .one()))
        .isEqualTo(1200);
  }

  @Test
  void saysWhichDatabaseIsAway() throws Exception {
    Billing billing = Billing.with(QUEUE, 1, ELSEWHERE);
    DatabaseAddress right = CUSTOMERS.address();

    TriggerResult result =
        trigger(billing, new DatabaseAddress(right.jdbcUrl(), right.username(), "guessed"))
            .fire(new Fired.SlotByPerson(Billing.SLOT));

    assertThat(result)
        .isEqualTo(
            new TriggerResult.TryAgain(
                "The database refuses the user: spec.trigger.database: password authentication"
                    + " failed for user \"app\". Check user name and password."));
    assertThat(billing.text("select state || ', ' || message from koyomi.runs"))
        .startsWith("Selecting, The database refuses the user: spec.trigger.database: ");
  }

  /** 200 MB of payloads go through a process that has 64 MB. */
  @Test
  void memoryDoesNotGrowWithTheSelection() throws Exception {
    String manifest =
        ELSEWHERE.replace(
            "id AS \"subscriptionId\"", "id AS \"subscriptionId\", repeat('x', 170000) AS note");
    Billing billing = Billing.with(QUEUE, 1, manifest);
    Path file = Files.writeString(folder.resolve("batch.yaml"), manifest);
    Path output = folder.resolve("output");
    ProcessBuilder process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx64m",
                    "-XX:+UseSerialGC",
                    "-cp",
                    System.getProperty(
                        "surefire.test.class.path", System.getProperty("java.class.path")),
                    "dev.koyomi.runner.RunnerMain",
                    "trigger",
                    "--definition",
                    file.toString(),
                    "--date",
                    "2026-11-01"))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    process.environment().putAll(environment("KOYOMI_DATABASE_", QUEUE.address()));
    process.environment().putAll(environment("KOYOMI_TRIGGER_DATABASE_", CUSTOMERS.address()));

    Process trigger = process.start();

    assertThat(trigger.waitFor(90, TimeUnit.SECONDS)).isTrue();
    assertThat(Files.readString(output)).contains("1,200 jobs selected");
    assertThat(billing.count("select sum(size) from koyomi.chunk")).isEqualTo(1200);
  }

  private static Map<String, String> environment(String prefix, DatabaseAddress address) {
    return Map.of(
        prefix + "URI", address.jdbcUrl(),
        prefix + "USERNAME", address.username(),
        prefix + "PASSWORD", address.password());
  }
}
