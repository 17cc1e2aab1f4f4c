package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.unit.Ending;
import dev.koyomi.runner.unit.Stride;
import dev.koyomi.runner.unit.Units;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How many jobs of a batch run at a time and begin in a time, over all processes. */
@NullUnmarked
final class LimitDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private Billing billing;

  private static String limited(String limits, String sql) {
    return Billing.unit(sql).replace("job: {", "job: {limits: " + limits + ", ");
  }

  private <T> T connected(Rival.Work<T> work) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      return work.on(connection);
    }
  }

  private LeaseAnswer ask(long worker) throws SQLException {
    Slices.Ask ask =
        new Slices.Ask(
            worker, new SecureRandom().nextLong(), false, true, List.of(), true, Integer.MAX_VALUE);
    return connected(connection -> billing.slices().lease(connection, ask));
  }

  private void awaitJobs(long jobs) {
    long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (billing.count("select count(*) from effect") < jobs) {
      assertThat(System.nanoTime())
          .as(
              billing.text(
                  "select count(*) || ' jobs ' || coalesce((select spent::text from koyomi.rate),"
                      + " '') from effect"))
          .isLessThan(deadline);
      LockSupport.parkNanos(10_000_000);
    }
  }

  private void makeEffect() {
    billing.execute("drop table if exists effect");
    billing.execute("create table effect (began timestamptz, ended timestamptz, subscription int)");
  }

  // Concurrency ---------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"{mode: Unordered}", "{mode: FifoByKey, lanes: 8}"})
  void runsNoMoreJobsAtATimeThanTheLimitInTwoProcesses(String order) throws Exception {
    DATABASE.startClock();
    billing =
        Billing.with(
            DATABASE,
            60,
            limited(
                    "{concurrency: 3}",
                    """
                    WITH t AS MATERIALIZED (SELECT clock_timestamp() AS began), s AS MATERIALIZED (SELECT began, pg_sleep(0.02) FROM t)
                    INSERT INTO effect SELECT began, clock_timestamp(), :subscriptionId::int FROM s WHERE :billingDate::date IS NOT NULL
                    """)
                .replace("job: {", "job: {order: " + order + ", "));
    makeEffect();
    billing.fire();
    try (WorkerProcess one = billing.worker(EndRule.Stopped).start();
        WorkerProcess two = billing.worker(EndRule.Stopped).start()) {
      awaitJobs(60);
      assertThat(one.moving() && two.moving()).isTrue();
    }

    assertThat(billing.count("select count(distinct subscription) from effect")).isEqualTo(60);
    assertThat(
            billing.count(
                "select max(jobs) from (select (select count(*) from effect o where o.began <="
                    + " e.began and o.ended > e.began) as jobs from effect e) as t"))
        .isBetween(2L, 3L);
  }

  /**
   * Who waits for a limit has something to do: for those no slice is cut smaller than permits are.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"{concurrency: 2} | 20", "{rate: 200/s} | 60"})
  void aLimitCutsNoSliceToDust(String limits, int most) throws Exception {
    DATABASE.startClock();
    billing =
        Billing.with(
            DATABASE,
            500,
            limited(
                    limits,
                    """
                    WITH s AS MATERIALIZED (SELECT pg_sleep(0.001))
                    INSERT INTO effect SELECT clock_timestamp(), clock_timestamp(), :subscriptionId::int FROM s WHERE :billingDate::date IS NOT NULL
                    """)
                .replace("concurrency: 4", "concurrency: 8"));
    makeEffect();
    billing.fire();
    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 500/500/0/0");
    assertThat(billing.count("select count(*) from koyomi.work")).isLessThan(most);
  }

  /** Others would split their slices for it, job by job. */
  @Test
  void whoWaitsForALimitIsNotIdle() throws Exception {
    DATABASE.stopClock();
    billing =
        Billing.with(DATABASE, 1200, Billing.manifest("job: {", "job: {limits: {rate: 100/s}, "));
    billing.fire();
    permit(100);
    WorkerProcess.Settings often =
        new WorkerProcess.Settings(
            "pod", EndRule.Stopped, true, Duration.ofMillis(10), Duration.ofSeconds(10));
    try (WorkerProcess worker = billing.worker(often, System::nanoTime).start()) {
      Set<String> beats = new HashSet<>();
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (beats.size() < 50) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        beats.add(billing.text("select xmin::text from koyomi.worker where kind = 'Worker'"));
        assertThat(billing.count("select max(idle) from koyomi.worker")).isZero();
      }
      assertThat(worker.moving()).isTrue();
    }
  }

  @Test
  void saysToWaitWhereTheLimitIsReached() throws Exception {
    DATABASE.stopClock();
    billing =
        Billing.with(
            DATABASE, 1200, Billing.manifest("job: {", "job: {limits: {concurrency: 2}, "));
    billing.fire();
    LeasedSlice first = ((LeaseAnswer.Leased) ask(billing.join())).slice();
    assertThat(ask(billing.join())).isInstanceOf(LeaseAnswer.Leased.class);

    assertThat(ask(billing.join())).isEqualTo(new LeaseAnswer.Limited(Duration.ofMillis(100)));

    billing.text("select koyomi.give_back(%d)::text".formatted(first.lease()));
    assertThat(ask(billing.join())).isInstanceOf(LeaseAnswer.Leased.class);
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  @Test
  void twoWhoAskAtOnceDoNotPassTheLimitTogether() throws Exception {
    DATABASE.stopClock();
    billing =
        Billing.with(
            DATABASE, 1200, Billing.manifest("job: {", "job: {limits: {concurrency: 1}, "));
    billing.fire();
    long one = billing.join();
    long two = billing.join();
    try (Rival first = new Rival(DATABASE.dataSource());
        Rival second = new Rival(DATABASE.dataSource())) {
      first.inOpenTransaction(
          connection ->
              connection
                  .createStatement()
                  .execute(
                      "select koyomi.lease(%d, 7, false, true, '{}', '{}', '{}', false)"
                          .formatted(one)));
      var leased = second.blocked(connection -> billing.lease(connection, two));
      assertThat(leased).isNotDone();
      first.commit();
      assertThat(Rival.outcome(leased)).isEmpty();
    }
    assertThat(billing.count("select count(*) from koyomi.slice where lease is not null"))
        .isEqualTo(1);
  }

  // Rate ----------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({"true, 10", "false, 10", "true, 100"})
  void noSecondSeesMoreJobsBeginThanTheRate(boolean compiled, int rate) throws Exception {
    DATABASE.startClock();
    billing =
        Billing.with(
            DATABASE,
            4000,
            limited(
                    "{rate: %d/s}".formatted(rate),
                    "INSERT INTO effect SELECT clock_timestamp(), clock_timestamp(),"
                        + " :subscriptionId::int WHERE :billingDate::date IS NOT NULL")
                .replace("concurrency: 4", "concurrency: 2"));
    makeEffect();
    billing.fire();
    List<WorkerProcess> workers = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      workers.add(
          billing
              .worker(
                  new WorkerProcess.Settings(
                      "worker-" + i,
                      EndRule.Stopped,
                      compiled,
                      Duration.ofSeconds(5),
                      Duration.ofSeconds(10)),
                  System::nanoTime)
              .start());
    }
    try {
      awaitJobs(rate * 5L);
    } finally {
      workers.forEach(WorkerProcess::close);
    }

    assertThat(
            billing.count(
                "select max(jobs) from (select count(*) over (order by began range between current"
                    + " row and interval '0.999999 s' following) as jobs from effect) as t"))
        .isLessThanOrEqualTo(rate);
    assertThat(
            billing.count(
                "select (count(*) / extract(epoch from max(began) - min(began)))::int from effect"))
        .as("jobs a second")
        .isGreaterThanOrEqualTo(rate * 7L / 10);
    assertThat(billing.count("select count(*) from koyomi.failure"))
        .as("waiting burns no attempt")
        .isZero();
  }

  @Test
  void permitsOfTheLastPeriodCountUntilItIsOver() throws Exception {
    TestClock clock = DATABASE.stopClock();
    billing =
        Billing.with(DATABASE, 1, Billing.manifest("job: {", "job: {limits: {rate: 100/s}, "));
    clock.set(java.time.Instant.parse("2026-10-31T15:30:00Z"));

    assertThat(permit(60)).isEqualTo("60 00.100 -");
    clock.advance(Duration.ofMillis(100));
    assertThat(permit(60)).isEqualTo("40 00.200 -");
    assertThat(permit(60)).isEqualTo("0 00.200 0.100");
    clock.advance(Duration.ofMillis(950));
    assertThat(permit(60))
        .as("the first sixty might have begun less than a second ago")
        .isEqualTo("0 01.100 0.050");
    clock.advance(Duration.ofMillis(50));
    assertThat(permit(100)).isEqualTo("60 01.200 -");
    clock.advance(Duration.ofMillis(100));
    assertThat(permit(100)).isEqualTo("40 01.300 -");
    clock.advance(Duration.ofDays(300));
    assertThat(permit(500)).isEqualTo("100 01.300 -");
  }

  @Test
  void leasesNothingWhileTheRateIsUsedUp() throws Exception {
    DATABASE.stopClock();
    billing =
        Billing.with(DATABASE, 1200, Billing.manifest("job: {", "job: {limits: {rate: 100/s}, "));
    billing.fire();
    permit(100);

    assertThat(ask(billing.join())).isEqualTo(new LeaseAnswer.Limited(Duration.ofMillis(100)));
    assertThat(billing.count("select count(*) from koyomi.slice where lease is not null")).isZero();
  }

  @Test
  void aLeaseKeepsNoPermitThatItHasNoJobFor() throws Exception {
    DATABASE.stopClock();
    billing =
        Billing.with(
            DATABASE,
            3,
            Billing.manifest(
                "job: {", "job: {order: {mode: FifoByKey, lanes: 256}, limits: {rate: 100/s}, "));
    billing.fire();

    LeasedSlice slice = ((LeaseAnswer.Leased) ask(billing.join())).slice();

    assertThat(slice.permit().orElseThrow().jobs()).isOne();
    assertThat(billing.count("select sum(jobs) from koyomi.rate, unnest(spent) as jobs")).isOne();
  }

  /** Rolled back it has begun none the less. */
  @Test
  void aJobThatFailsHasUsedItsPermit() throws Exception {
    DATABASE.stopClock();
    billing =
        Billing.with(
            DATABASE,
            400,
            limited("{rate: 100/s}", "SELECT nextval('began') / (:subscriptionId::int % 3)")
                .replace("maxAttempts: 2", "maxAttempts: 1"));
    billing.execute("drop sequence if exists began");
    billing.execute("create sequence began");
    billing.fire();
    try (WorkerProcess worker = billing.worker(EndRule.Stopped).start()) {
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (billing.count("select coalesce(sum(jobs), 0) from koyomi.rate, unnest(spent) as jobs")
          < 100) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.onSpinWait();
      }
      assertThat(worker.moving()).isTrue();
    }

    assertThat(billing.count("select last_value from began")).isLessThanOrEqualTo(100);
  }

  @Test
  void aNewDefinitionPermitsNothingTwice() throws Exception {
    DATABASE.stopClock();
    String manifest = Billing.manifest("job: {", "job: {limits: {rate: 100/s}, ");
    billing = Billing.with(DATABASE, 1, manifest);
    permit(60);
    Batches batches = new Batches(DATABASE.jdbi());

    batches.register(
        "billing/invoices", "test", 2, Billing.definition(manifest.replace("100/s", "90/s")));
    assertThat(permit(60)).startsWith("30 ");
    batches.register(
        "billing/invoices", "test", 3, Billing.definition(manifest.replace("100/s", "90/m")));
    assertThat(permit(60)).startsWith("60 ");
  }

  /** After a failover the clock may be that of another machine. */
  @Test
  void aClockThatGoesBackPermitsNothingTwice() throws Exception {
    TestClock clock = DATABASE.stopClock();
    billing =
        Billing.with(DATABASE, 1, Billing.manifest("job: {", "job: {limits: {rate: 100/s}, "));
    clock.set(java.time.Instant.parse("2026-10-31T15:30:00Z"));
    permit(60);
    clock.advance(Duration.ofMillis(-1100));

    assertThat(permit(60)).isEqualTo("40 00.100 -");
  }

  /** Its statement began a while ago, and waited. */
  @Test
  void countsAPermitAtTheTimeWhenItIsGiven() throws Exception {
    TestClock clock = DATABASE.stopClock();
    billing =
        Billing.with(DATABASE, 1, Billing.manifest("job: {", "job: {limits: {rate: 100/s}, "));
    clock.set(java.time.Instant.parse("2026-10-31T15:30:00Z"));
    billing.execute(
        "create or replace function koyomi.clock() returns timestamptz language sql volatile begin"
            + " atomic select at + interval '350 milliseconds' from public.test_clock; end");

    assertThat(permit(60)).isEqualTo("60 00.400 -");
  }

  /** How many, until which second of the minute, and how many seconds to wait. */
  private String permit(int jobs) {
    return billing.text(
        "select format('%%s %%s %%s', permitted, to_char(permitted_until, 'SS.MS'), coalesce(extract(epoch from wait)::numeric(9,3)::text, '-')) from koyomi.permit(%d, %d)"
            .formatted(billing.batchId(), jobs));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void beginsNoJobAfterItsPermitHasLapsed(boolean compiled) throws Exception {
    TestClock clock = DATABASE.stopClock();
    billing =
        Billing.with(DATABASE, 40, Billing.manifest("job: {", "job: {limits: {rate: 100/s}, "));
    billing.fire();
    LeasedSlice slice = ((LeaseAnswer.Leased) ask(billing.join())).slice();
    Permit permit = slice.permit().orElseThrow();
    assertThat(permit.jobs()).isEqualTo(5);

    assertThat(run(compiled, slice, 0, permit.until()))
        .isEqualTo(new Stride(2, new Ending.Reached()));
    clock.advance(Duration.ofMillis(200));
    assertThat(run(compiled, slice, 2, permit.until()))
        .isEqualTo(new Stride(2, new Ending.Reached()));

    assertThat(billing.count("select count(*) from invoice")).isEqualTo(2);
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  @Test
  void setSqlTakesNoMoreJobsThanArePermittedAndNoneTooLate() throws Exception {
    TestClock clock = DATABASE.stopClock();
    billing =
        Billing.with(
            DATABASE,
            200,
            Billing.committing(
                limited(
                    "{rate: 100/s}",
                    """
                    INSERT INTO invoice (subscription_id, billing_date, amount)
                    SELECT job."subscriptionId", job."billingDate", 1
                    FROM koyomi.jobs() AS job("subscriptionId" int, "billingDate" date)
                    """),
                "{mode: Chunk}"));
    billing.fire();
    try (WorkerProcess worker = billing.worker(EndRule.Stopped).start()) {
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (billing.count("select count(*) from invoice") < 100) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.onSpinWait();
      }
      assertThat(worker.moving()).isTrue();
    }
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(100);

    clock.advance(Duration.ofSeconds(2));
    LeasedSlice slice = ((LeaseAnswer.Leased) ask(billing.join())).slice();
    Permit permit = slice.permit().orElseThrow();
    clock.advance(Duration.ofMillis(200));
    int at = slice.position();

    assertThat(run(false, slice, at, permit.until()))
        .isEqualTo(new Stride(at, new Ending.Reached()));
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(100);
  }

  /** Several Units of a transaction begin one after the other. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void beginsNoJobOfATransactionAfterItsPermitHasLapsed(boolean compiled) throws Exception {
    DATABASE.stopClock();
    billing =
        Billing.with(
            DATABASE,
            200,
            Billing.committing(
                limited(
                    "{rate: 200/s}",
                    "UPDATE public.test_clock SET at = at + interval '60 milliseconds' WHERE"
                        + " :subscriptionId::int > 0 AND :billingDate::date IS NOT NULL"),
                "{mode: Many, jobs: 7}"));
    billing.fire();
    LeasedSlice slice = ((LeaseAnswer.Leased) ask(billing.join())).slice();
    Permit permit = slice.permit().orElseThrow();
    assertThat(permit.jobs()).isEqualTo(10);

    Stride stride =
        connected(
            connection ->
                billing
                    .units(compiled)
                    .on(connection)
                    .run(new Units.Range(slice, 0, 7), permit.until()));

    assertThat(stride).isEqualTo(new Stride(2, new Ending.Reached()));
    assertThat(billing.count("select position from koyomi.slice where lease is not null"))
        .isEqualTo(2);
  }

  private Stride run(boolean compiled, LeasedSlice slice, int from, OffsetDateTime until)
      throws SQLException {
    return connected(
        connection ->
            billing
                .units(compiled)
                .on(connection)
                .run(new Units.Range(slice, from, from + 2), until));
  }
}
