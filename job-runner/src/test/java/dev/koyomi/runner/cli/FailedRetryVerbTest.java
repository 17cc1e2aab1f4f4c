package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.trigger.Fired;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class FailedRetryVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private Billing billing = Billing.with(database, 0);

  @BeforeEach
  void twoOfFiveFail() throws Exception {
    billing = Billing.with(database, 5);
    execute("update subscription set fee = null where id in (2, 4)");
    billing.fire();
    billing.drain();
    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/3/0/2");
  }

  @Test
  void putsThemBackForTheWorkersOfTheDatabase() throws Exception {
    execute("update subscription set fee = 1");
    Typed typed = type("failed", "retry", "invoices");
    assertThat(typed.out()).isEqualTo("2 jobs of run 1 (2026-11-01) wait for a worker.\n");
    assertThat(typed.exitCode()).isZero();
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 5/5/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(5);
  }

  @Test
  void takesOneByItsKey() throws Exception {
    execute("update subscription set fee = 1");
    assertThat(type("failed", "retry", "billing/invoices", "--key", "4").out())
        .isEqualTo("1 job of run 1 (2026-11-01) waits for a worker.\n");
    billing.drain();
    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/4/0/1");
  }

  @Test
  void saysThatNothingNeedsAttention() {
    assertThat(type("failed", "retry", "invoices", "--key", "1").out())
        .isEqualTo("No job with such a key needs attention.\n");
  }

  @Test
  void namesTheKeysThatNeedNothing() {
    assertThat(type("failed", "retry", "invoices", "--key", "1", "--key", "4", "--key", "zz").out())
        .isEqualTo(
            """
            No job with key "1" or "zz" needs attention.
            1 job of run 1 (2026-11-01) waits for a worker.
            """);
  }

  @Test
  void saysThatAnotherRunIsInTheWay() throws Exception {
    billing.trigger().fire(new Fired.SlotByPerson(Instant.parse("2026-11-01T16:00:00Z")));
    Typed typed = type("failed", "retry", "invoices", "--run", "1");
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: another run of this batch is open: retry the jobs of run 1 when it is"
                + " over.\n");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.OTHER);
  }

  @Test
  void wantsToKnowTheBatch() {
    Typed typed = type("failed", "retry");
    assertThat(typed.err())
        .isEqualTo("koyomi: Say of which batch: failed retry NAME, or --all for every batch.\n");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
  }

  @Test
  void takesAllBatchesOrARunWithoutAName() throws Exception {
    execute("update subscription set fee = 1");

    assertThat(type("failed", "retry", "--all", "--key", "2").out())
        .isEqualTo("1 job of run 1 (2026-11-01) waits for a worker.\n");
    assertThat(type("failed", "retry", "--run", "1").out())
        .isEqualTo("1 job of run 1 (2026-11-01) waits for a worker.\n");
  }

  @Test
  void takesThoseOfOneErrorClass() {
    execute("update koyomi.dead set error_class = 'Timeout' where key = '4'");

    assertThat(type("failed", "retry", "invoices", "--error", "23505").out())
        .isEqualTo("No job with such an error needs attention.\n");
    assertThat(type("failed", "retry", "invoices", "--error", "Timeout").out())
        .isEqualTo("1 job of run 1 (2026-11-01) waits for a worker.\n");
    assertThat(billing.text("select string_agg(key, ' ') from koyomi.dead")).isEqualTo("2");
  }

  @Test
  void aDryRunChangesNothing() {
    Golden.assertScreen(
        "failed-retry-dry-run", type("failed", "retry", "--all", "--dry-run").all());

    assertThat(billing.run()).isEqualTo("PartiallyFailed 5/3/0/2");
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }

  @Test
  void saysThatJobsOfAnOrderedBatchLoseTheirPlace() {
    execute("update koyomi.batch set mode = 'FifoByKey', lanes = 256");

    assertThat(type("failed", "retry", "invoices").out())
        .isEqualTo(
            """
            2 jobs of run 1 (2026-11-01) wait for a worker.
            billing/invoices is ordered (FifoByKey): its jobs are retried out of order, as those \
            behind them went on; only one that stopped its lane keeps its place.
            """);
  }

  private static void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.execute(sql));
  }

  private static Typed type(String... words) {
    return Typed.on(database.address()).type(words);
  }
}
