package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.trigger.TriggerResult;
import java.sql.Connection;
import java.time.Duration;
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
  void triesACollisionAgainAtOnceAndBurnsNoAttempt() throws Exception {
    Billing billing =
        Billing.with(DATABASE, 3, Billing.manifest("INSERT INTO", "SELECT collide(); INSERT INTO"));
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("drop function if exists collide()");
              handle.execute("drop sequence if exists tries");
              handle.execute("create sequence tries");
              // A sequence keeps counting through rollbacks.
              handle.execute(
                  """
                  create function collide() returns void language plpgsql as $$
                  begin
                    if nextval('tries') in (1, 2, 3) then
                      raise exception 'could not serialize access' using errcode = '40001';
                    end if;
                  end $$
                  """);
            });

    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 3/3/0/0");
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  @Test
  void rollsBackAUnitThatTakesTooLong() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            1,
            Billing.manifest(
                    "WHERE id = :subscriptionId", "WHERE id = :subscriptionId; SELECT pg_sleep(20)")
                .replace("timeout: 10s", "timeout: 200ms"));

    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("Failed 1/0/0/1");
    assertThat(billing.text("select error_class || ': ' || message from koyomi.dead"))
        .isEqualTo(
            "Timeout: the Unit took longer than spec.unit.timeout = 200ms and was rolled back");
    assertThat(billing.count("select count(*) from invoice")).isZero();
  }

  /** Each of its statements is short enough. */
  @Test
  void limitsTheTimeOfAllStatementsOfAUnitTogether() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            1,
            Billing.manifest(
                    "WHERE id = :subscriptionId",
                    "WHERE id = :subscriptionId; SELECT pg_sleep(0.8); SELECT pg_sleep(0.8);"
                        + " SELECT pg_sleep(100) WHERE false")
                .replace("timeout: 10s", "timeout: 1s"));

    billing.fire();
    billing.drain();

    assertThat(billing.text("select error_class from koyomi.dead")).isEqualTo("Timeout");
    assertThat(billing.count("select count(*) from invoice")).isZero();
  }

  @Test
  void triesAUnitThatTheDatabaseCannotReadOnceOnly() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            2,
            Billing.manifest("SELECT id, :billingDate, fee", "SELECT id, :billingDate, fees"));

    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("Failed 2/0/0/2");
    assertThat(billing.text("select distinct attempt || ' ' || message from koyomi.dead"))
        .isEqualTo(
            "1 spec.unit.sql: column \"fees\" does not exist. Perhaps you meant to reference the"
                + " column \"subscription.fee\".");
  }

  @Test
  void triesOnceOnlyWhatNoTransactionMayDo() throws Exception {
    Billing billing = Billing.with(DATABASE, 1, Billing.unit("VACUUM"));

    billing.fire();
    billing.drain();

    assertThat(billing.text("select attempt || ' ' || message from koyomi.dead"))
        .isEqualTo("1 spec.unit.sql: VACUUM cannot run inside a transaction block");
  }

  @Test
  void countsAUnitAsDoneWhoseLastCommandCountsNoRows() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            2,
            Billing.manifest(
                "WHERE id = :subscriptionId", "WHERE id = :subscriptionId; NOTIFY invoices"));

    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 2/2/0/0");
  }

  @Test
  void handsNumbersToTheUnitDigitByDigit() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            1,
            Billing.manifest(
                    "id AS \"subscriptionId\"",
                    "id AS \"subscriptionId\", 100.00 AS a, 1.10 AS b, 0.0000001 AS c,"
                        + " 12345678901234567890.5 AS d")
                .replace(
                    "WHERE id = :subscriptionId",
                    "WHERE id = :subscriptionId; INSERT INTO note VALUES (:a || ' ' || :b || ' ' ||"
                        + " :c || ' ' || :d)"));
    DATABASE
        .jdbi()
        .useHandle(
            handle -> handle.execute("drop table if exists note; create table note (text text)"));

    billing.fire();
    billing.drain();

    assertThat(billing.text("select text from note"))
        .isEqualTo("100.00 1.10 0.0000001 12345678901234567890.5");
  }

  @Test
  void setsAJobAsideWhosePayloadLacksAParameterWithoutTryingAgain() throws Exception {
    Billing billing = Billing.with(DATABASE, 2);
    billing.fire();
    // As if the Unit had been changed while the run was open.
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "update koyomi.chunk set names = null, kinds = null, vals = null, jobs ="
                        + " jsonb_build_array('{\"id\": 1}'::jsonb, koyomi.payload_of(id, 1))"));

    billing.drain();

    assertThat(billing.run()).isEqualTo("PartiallyFailed 2/1/0/1");
    assertThat(billing.text("select kind || ' ' || attempt || ': ' || message from koyomi.dead"))
        .startsWith("Parked 1: spec.unit.sql uses :")
        .endsWith(", but this job's payload has no column of that name");
  }

  @Test
  void joinsAnewWhenItWasDeclaredLost() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "pod", EndRule.Stopped, true, Duration.ofMillis(100), Duration.ofSeconds(10));
    try (WorkerProcess worker = billing.worker(settings, System::nanoTime).start()) {
      billing.execute("update koyomi.worker set lost_at = koyomi.now()");
      billing.fire();
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (billing.count("select count(*) from invoice") < 10) {
        assertThat(System.nanoTime())
            .as("it leases nothing under its old row")
            .isLessThan(deadline);
        Thread.onSpinWait();
      }
      assertThat(worker.moving()).isTrue();
    }
  }

  /** Nobody else sweeps. */
  @Test
  void takesUpWhatAnotherWorkerLeft() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    billing.fire();
    long gone = billing.join();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      assertThat(billing.lease(connection, gone)).isPresent();
    }
    billing.execute("update koyomi.worker set stopped_at = koyomi.now() where id = " + gone);

    billing.workOnce(true);

    assertThat(billing.run()).isEqualTo("Succeeded 10/10/0/0");
  }

  @Test
  void leavesNothingBehindInTheHotTable() throws Exception {
    Billing billing = Billing.with(DATABASE, 1001);
    billing.fire();
    billing.drain();

    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.count("select sum(succeeded) from koyomi.work")).isEqualTo(1001);
    assertThat(
            billing.count(
                "select count(*) from koyomi.worker where kind = 'Worker' and (stopped_at is null"
                    + " or draining_at is null)"))
        .isZero();
  }
}
