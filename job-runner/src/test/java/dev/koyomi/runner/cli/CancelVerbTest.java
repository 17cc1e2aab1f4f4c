package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class CancelVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private Billing billing = Billing.with(database, 0);

  @BeforeEach
  void fire() throws Exception {
    billing = Billing.with(database, 5);
    billing.fire();
  }

  @Test
  void cancelsARunAfterAsking() {
    Golden.assertScreen(
        "cancel-run", here().answering("y").type("cancel", "invoices", "--run", "1").all());

    assertThat(billing.run()).isEqualTo("Cancelled 5/0/0/0");
    assertThat(billing.text("select message from koyomi.runs")).isEqualTo("cancelled by ann");
    assertThat(type("cancel", "invoices", "--run", "1").out())
        .isEqualTo(
            "Run 1 (2026-11-01) of billing/invoices is over already: Cancelled. Nothing was"
                + " changed.\n");
  }

  @Test
  void cancelsJobsByKey() throws Exception {
    assertThat(type("cancel", "invoices", "--key", "2", "--key", "5", "--dry-run").out())
        .isEqualTo("2 jobs of billing/invoices would be cancelled.\nNothing was changed.\n");
    assertThat(type("cancel", "invoices", "--key", "2", "--key", "5", "--yes").out())
        .isEqualTo("2 jobs of billing/invoices were cancelled.\n");

    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 5/3/0/0");
    assertThat(
            billing.text("select string_agg(subscription_id::text, ' ' order by 1) from invoice"))
        .isEqualTo("1 3 4");
  }

  @Test
  void cancelsAnEnqueuedJobByItsNumber() {
    String payload = "{\"subscriptionId\": 1, \"billingDate\": \"2026-11-01\"}";
    Typed enqueued = type("enqueue", "invoices", "--key", "x", "--payload", payload);
    String number = enqueued.out().replaceAll("(?s)Job (\\d+):.*", "$1");

    assertThat(type("cancel", "invoices", "--job", number, "--yes").out())
        .isEqualTo("1 job of billing/invoices was cancelled.\n");
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
    assertThat(type("cancel", "invoices", "--job", number, "--yes").out())
        .isEqualTo(
            "billing/invoices has no such job that has not ended: `koyomi jobs invoices` lists what"
                + " it has.\n");
  }

  @Test
  void wantsToKnowWhat() {
    Typed typed = type("cancel", "invoices");

    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err())
        .isEqualTo("koyomi: Say what to cancel: --run ID, --key KEY or --job NUMBER.\n");
  }

  private static Typed.Place here() {
    return Typed.on(database.address()).with("USER", "ann");
  }

  private static Typed type(String... words) {
    return here().type(words);
  }
}
