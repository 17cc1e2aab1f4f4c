package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class HistoryScreensTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  /** One run of five targets; two of them fail twice each. */
  @BeforeAll
  static void runOnce() throws Exception {
    Billing billing = Billing.with(database, 5);
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("update subscription set fee = null where id = 2");
              handle.execute(
                  "alter table invoice add constraint amount_is_small check (amount < 5)");
            });
    billing.fire();
    billing.drain();
    stopTime();
  }

  /** The screens show instants and process names, which no test could foresee. */
  private static void stopTime() {
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("update koyomi.worker set pod = 'issue-invoices-workers-abc'");
              handle.execute(
                  "update koyomi.failure set at = timestamptz '2026-11-01 01:00:05+09' + attempt *"
                      + " interval '1 s'");
              handle.execute("update koyomi.dead set at = '2026-11-01 01:00:07+09'");
              handle.execute(
                  "update koyomi.run set created_at = '2026-11-01 01:00:03+09', ended_at ="
                      + " '2026-11-01 01:00:08.5+09'");
              handle.execute(
                  "update koyomi.failure set message = regexp_replace(message, 'contains \\(\\d+',"
                      + " 'contains (N')");
              handle.execute(
                  "update koyomi.dead set message = regexp_replace(message, 'contains \\(\\d+',"
                      + " 'contains (N')");
            });
  }

  @Test
  void listsRuns() {
    Golden.assertScreen("runs", type("runs").all());
    Golden.assertScreen("runs-json", type("runs", "invoices", "--output", "json").all());
  }

  @Test
  void listsFailedJobs() {
    Golden.assertScreen("failed-list", type("failed", "list").all());
    Golden.assertScreen("failed-list-json", type("failed", "list", "-o", "json").all());
    Golden.assertScreen("failed-list-limit", type("failed", "list", "--limit", "1").all());
  }

  @Test
  void showsFailedJobs() {
    Golden.assertScreen("failed-show", type("failed", "show", "billing/invoices").all());
    Golden.assertScreen(
        "failed-show-json", type("failed", "show", "--key", "2", "--run", "1", "-o", "json").all());
  }

  /** As it is stored, whatever a reader of JSON would make of it. */
  @Test
  void showsThePayloadLetterForLetter() {
    String payload =
        "{\"deep\": %s%s, \"amount\": 100000000000000000.01}"
            .formatted("[".repeat(1500), "]".repeat(1500));
    String before =
        database
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery("select payload::text from koyomi.dead where key = '2'")
                        .mapTo(String.class)
                        .one());
    store(payload);
    try {
      Typed typed = type("failed", "show", "--key", "2", "--run", "1", "-o", "json");

      assertThat(typed.out()).contains("]]]", "\"amount\": 100000000000000000.01");
      assertThat(typed.exitCode()).isZero();
    } finally {
      store(before);
    }
  }

  private static void store(String payload) {
    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "update koyomi.dead set payload = cast(? as jsonb) where key = '2'", payload));
  }

  @Test
  void saysThatNothingFailedUnderThatKey() {
    assertThat(type("failed", "list", "--key", "99").out())
        .isEqualTo("No job with such a key needs attention.\n");
  }

  @Test
  void saysThatThereIsNoSuchBatch() {
    Golden.assertScreen("no-such-batch", type("runs", "no-such").all());
  }

  private static Typed type(String... words) {
    return Typed.on(database.address()).type(words);
  }
}
