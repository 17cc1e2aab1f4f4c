package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class EnqueueVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private static final String PAYLOAD = "{\"subscriptionId\": 1, \"billingDate\": \"2026-11-01\"}";

  @TempDir private Path folder;

  private Billing billing = Billing.with(database, 0);

  @BeforeEach
  void batch() {
    billing = Billing.with(database, 3);
    database.jdbi().useHandle(handle -> handle.execute("alter sequence koyomi.job_id restart"));
  }

  @Test
  void saysTheJobsNumber() {
    assertThat(enqueue("--payload", PAYLOAD).all())
        .isEqualTo("Job 1: key 42 of billing/invoices is enqueued.\n--- exit code 0\n");

    assertThat(billing.text("select jobs ->> 0 from koyomi.inbox"))
        .contains("\"subscriptionId\": 1");
  }

  /** What the server keeps is what koyomi.enqueue() would have kept. */
  @Test
  void changesNothingInThePayload() {
    String payload =
        PAYLOAD.replace(
            "}",
            ", \"amount\": 100000000000000000.01, \"huge\": 1e400, \"fee\": 1.10, \"deep\": %s%s, \"digits\": %s}"
                .formatted("[".repeat(1500), "]".repeat(1500), "9".repeat(1500)));

    assertThat(enqueue("--payload", payload).exitCode()).isZero();

    assertThat(billing.text("select jobs ->> 0 from koyomi.inbox"))
        .isEqualTo(billing.text("select '" + payload + "'::jsonb::text"));
    assertThat(enqueue("--payload", PAYLOAD.replace("}", ", \"half\": \"\\ud800\"}")).all())
        .contains("koyomi: --payload: invalid input syntax for type json")
        .endsWith("--- exit code 2\n");
  }

  @Test
  void saysThatAPayloadIsNestedTooDeep() {
    String deep = PAYLOAD.replace("}", ", \"a\": " + "[".repeat(60_000) + "]".repeat(60_000) + "}");
    assertThat(enqueue("--payload", deep).all())
        .contains("koyomi: --payload is nested deeper than PostgreSQL reads:")
        .endsWith("--- exit code 2\n");
  }

  @Test
  void takesThePayloadFromAFileOrAnotherProgram() throws Exception {
    Path file = Files.writeString(folder.resolve("job.json"), PAYLOAD);

    assertThat(enqueue("--payload", "@" + file).exitCode()).isZero();
    assertThat(
            Typed.on(database.address())
                .piped(PAYLOAD)
                .type("enqueue", "invoices", "--key", "43", "--payload", "-")
                .exitCode())
        .isZero();
    assertThat(billing.count("select count(distinct jobs) from koyomi.inbox")).isEqualTo(1);
  }

  @Test
  void saysThatAKeyIsEnqueuedAlready() {
    assertThat(enqueue("--payload", PAYLOAD, "--unique", "unfinished").out()).startsWith("Job 1:");
    assertThat(enqueue("--payload", PAYLOAD, "--unique", "Waiting").all())
        .isEqualTo(
            """
            Key 42 of billing/invoices is enqueued already: nothing was added.
            --- exit code 0
            """);
    assertThat(enqueue("--payload", PAYLOAD).exitCode()).isZero();
  }

  @Test
  void readsTimesInThePersonsZone() {
    enqueue(
        "--payload", PAYLOAD, "--run-at", "2126-11-05 09:00", "--expires-at", "2126-11-05T01:00Z");

    assertThat(
            billing.text(
                "select format('%s %s', due_at at time zone 'UTC', expires_at at time zone 'UTC')"
                    + " from koyomi.inbox"))
        .isEqualTo("2126-11-05 00:00:00 2126-11-05 01:00:00");
  }

  @Test
  void keepsAPriorityAndAPeriod() {
    assertThat(enqueue("--payload", PAYLOAD, "--priority", "high", "--unique", "10m").exitCode())
        .isZero();

    assertThat(billing.text("select priority::text from koyomi.inbox")).isEqualTo("0");
    assertThat(billing.text("select scope from koyomi.unique_job")).isEqualTo("Period");
  }

  /** One sentence each, that says what to do. */
  @Test
  void saysWhatIsWrong() {
    StringBuilder screen = new StringBuilder();
    for (List<String> words :
        List.of(
            List.of("--payload", "{\"a\": 1,\n \"b\" 2}"),
            List.of("--payload", "{\"a\": 1, \"a\": 2}"),
            List.of("--payload", "{\"a\": 1} x"),
            List.of("--payload", "[1]"),
            List.of("--payload", ""),
            List.of("--payload", "@no-such-file.json"),
            List.of("--payload", PAYLOAD.replace("{", "{\"note\": \"\\u0000\", ")),
            List.of("--payload", "{\"subscriptionId\": 1}"),
            List.of("--payload", PAYLOAD, "--run-at", "tomorrow"),
            List.of(
                "--payload",
                PAYLOAD,
                "--run-at",
                "2026-11-05T09:00",
                "--expires-at",
                "2026-11-05T08:00"),
            List.of("--payload", PAYLOAD, "--unique", "always"),
            List.of("--payload", PAYLOAD, "--priority", "urgent"))) {
      Typed typed = enqueue(words.toArray(String[]::new));
      screen.append(typed.all());
    }
    Golden.assertScreen("enqueue-wrong", screen.toString());
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
  }

  @Test
  void refusesAPayloadThatIsTooLargeAndABatchThatNobodyKnows() {
    Typed large =
        enqueue("--payload", PAYLOAD.replace("{", "{\"x\": \"" + "x".repeat(262144) + "\", "));
    assertThat(large.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(large.err())
        .startsWith("koyomi: job 1, key \"42\": its payload has ")
        .contains("more than spec.job.maxPayload = 262144 bytes", "enqueue a reference to the data")
        .hasLineCount(1);
    Typed unknown = Typed.on(database.address()).type("enqueue", "nobody", "--key", "1");
    assertThat(unknown.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(unknown.err()).startsWith("koyomi: There is no batch nobody in this database");
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
  }

  @Test
  void anOrderedBatchTakesNoTimes() {
    billing =
        Billing.with(
            database, 3, Billing.manifest("job: {retry:", "job: {order: {mode: Fifo}, retry:"));

    Typed typed = enqueue("--payload", PAYLOAD, "--run-at", "2026-11-05T09:00");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err()).contains("is ordered").hasLineCount(1);
  }

  /** Such a Unit has no parameters: what it needs are the columns that it reads. */
  @Test
  void refusesAPayloadThatLacksWhatAUnitInSetSqlReads() {
    billing =
        Billing.with(
            database,
            3,
            Billing.committing(
                Billing.unit(
                    """
                    INSERT INTO invoice (subscription_id, billing_date, amount)
                    SELECT s.id, job."billingDate", s.fee
                    FROM koyomi.jobs() AS job("subscriptionId" int, "billingDate" date)
                    JOIN subscription s ON s.id = job."subscriptionId"
                    """),
                "{mode: Chunk}"));

    Typed typed = enqueue("--payload", "{\"subscriptionId\": 1}");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: The Unit of billing/invoices reads \"billingDate\" of its jobs, which the"
                + " payload has not: add \"billingDate\" to it.\n");
    assertThat(enqueue("--payload", PAYLOAD).exitCode()).isZero();
  }

  private static Typed enqueue(String... words) {
    List<String> all = new ArrayList<>(List.of("enqueue", "invoices", "--key", "42"));
    all.addAll(List.of(words));
    return Typed.on(database.address()).type(all.toArray(String[]::new));
  }
}
