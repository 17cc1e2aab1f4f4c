package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** When a worker that ends with the work goes home. */
@Timeout(60)
final class DrainedDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  @BeforeEach
  void startTheClock() {
    DATABASE.startClock();
  }

  @Test
  void doesNotWaitForTheEndOfTheDayOfEnqueuedJobs() throws Exception {
    Billing billing = Billing.with(DATABASE, 3);
    billing.text(
        "select koyomi.enqueue('billing/invoices', '1', '{\"subscriptionId\": 1, \"billingDate\":"
            + " null}')::text");

    billing.drain();

    assertThat(billing.count("select count(*) from invoice")).isEqualTo(1);
    assertThat(billing.text("select state from koyomi.run")).isEqualTo("Running");
  }

  @Test
  void doesNotWaitForWhatIsEnqueuedForLater() throws Exception {
    Billing billing = Billing.with(DATABASE, 3);
    billing.text(
        "select koyomi.enqueue('billing/invoices', '1', run_at => koyomi.now() + interval '1"
            + " day')::text");

    billing.drain();

    assertThat(billing.count("select count(*) from koyomi.inbox")).isEqualTo(1);
  }

  @Test
  void doesNotWaitForAStoppedLane() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            3,
            Billing.manifest("job: {", "job: {order: {mode: Fifo, onDead: StopLane}, "));
    billing.execute("update subscription set fee = null where id = 2");
    billing.fire();

    billing.drain();

    assertThat(billing.count("select count(*) from invoice")).isEqualTo(1);
    assertThat(
            billing.text(
                "select key || ' ' || waiting from koyomi.held_lanes where retry_at is null"))
        .isEqualTo("2 1");
  }

  /** A portion that holds nothing but expired jobs is not the end. */
  @Test
  void onceWorksWhatIsDueBehindExpiredJobs() throws Exception {
    Billing billing =
        Billing.with(DATABASE, 3, Billing.manifest("concurrency: 4", "concurrency: 1"));
    billing.text(
        "select max(koyomi.enqueue('billing/invoices', n::text, expires_at => koyomi.now() +"
            + " interval '1 hour'))::text from generate_series(1, 600) as n");
    billing.execute("update koyomi.inbox set expires_at = koyomi.now()");
    billing.text(
        "select koyomi.enqueue('billing/invoices', '1', '{\"subscriptionId\": 1, \"billingDate\":"
            + " null}')::text");

    billing.workOnce(true);

    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(1);
  }

  @Test
  void waitsForRetries() throws Exception {
    Billing billing =
        Billing.with(DATABASE, 3, Billing.manifest("initial: 10ms", "initial: 300ms"));
    billing.execute("update subscription set fee = null where id = 2");
    billing.fire();

    billing.drain();

    assertThat(billing.run()).isEqualTo("PartiallyFailed 3/2/0/1");
    assertThat(billing.count("select max(attempt) from koyomi.failure")).isEqualTo(2);
  }
}
