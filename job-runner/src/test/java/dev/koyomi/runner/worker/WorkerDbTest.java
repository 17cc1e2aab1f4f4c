package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.trigger.TriggerResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

final class WorkerDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  @Test
  void worksEveryTargetOnce() throws Exception {
    Billing billing = Billing.with(DATABASE, 1234);

    assertThat(billing.fire()).isInstanceOf(TriggerResult.Dispatched.class);
    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 1234/1234/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(1234);
    assertThat(billing.count("select count(distinct subscription_id) from invoice"))
        .isEqualTo(1234);
    assertThat(billing.text("select min(billing_date)::text || max(billing_date) from invoice"))
        .isEqualTo("2026-11-012026-11-01");
    assertThat(billing.fire())
        .isEqualTo(new TriggerResult.AlreadyDispatched(1, RunState.Succeeded));
  }

  @Test
  void setsAsideWhatFailsAndWorksTheRest() throws Exception {
    Billing billing = Billing.with(DATABASE, 700);
    DATABASE
        .jdbi()
        .useHandle(
            handle -> handle.execute("update subscription set fee = null where id in (5, 600)"));

    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("PartiallyFailed 700/698/0/2");
    assertThat(
            billing.text(
                "select string_agg(key || ' ' || attempt || ' ' || error_class, ', ' order by key)"
                    + " from koyomi.dead"))
        .isEqualTo("5 2 23502, 600 2 23502");
    assertThat(billing.count("select count(*) from koyomi.failure")).isEqualTo(4);
  }

  @Test
  void countsAJobWhoseLastStatementFindsNoRowAsSkipped() throws Exception {
    Billing billing = Billing.with(DATABASE, 20);
    billing.fire();
    DATABASE.jdbi().useHandle(handle -> handle.execute("delete from subscription where id <= 3"));
    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 20/17/3/0");
    assertThat(billing.count("select count(*) from koyomi.skipped")).isEqualTo(3);
  }

  @Test
  void leavesNothingBehindInTheHotTable() throws Exception {
    Billing billing = Billing.with(DATABASE, 1001);
    billing.fire();
    billing.drain();

    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.count("select sum(succeeded) from koyomi.work")).isEqualTo(1001);
    assertThat(billing.count("select count(*) from koyomi.worker where stopped_at is null"))
        .isZero();
  }
}
