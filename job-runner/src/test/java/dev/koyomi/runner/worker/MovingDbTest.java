package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the liveness probe of a worker tells from what. */
final class MovingDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final long DAY = Duration.ofDays(1).toNanos();

  private final AtomicLong clock = new AtomicLong(System.nanoTime());

  @Test
  void anIdleWorkerIsAliveHoweverLongThereIsNothingToDo() throws Exception {
    // One that makes room for a fresh one has no slot that could stand still.
    Billing billing =
        Billing.with(
            DATABASE, 1, Billing.manifest("workers: {", "workers: {recycle: {maxTime: 9999h}, "));
    try (WorkerProcess worker = worker(billing)) {
      worker.start();
      clock.addAndGet(DAY);
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (!worker.moving()) {
        assertThat(System.nanoTime()).as("idle slots count as stuck").isLessThan(deadline);
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void aWorkerWhoseUnitStandsStillIsNot() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE, 1, Billing.manifest("INSERT INTO", "SELECT pg_sleep(3); INSERT INTO"));
    billing.fire();
    try (WorkerProcess worker = worker(billing)) {
      worker.start();
      while (billing.count("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
          == 0) {
        Thread.onSpinWait();
      }
      clock.addAndGet(DAY);
      assertThat(worker.moving()).isFalse();
    }
  }

  /** Each of its transactions may take as long as a Unit may. */
  @Test
  @Timeout(60)
  void aPortionThatIsHalvedDownToTheReasonIsMoving() throws Exception {
    AtomicLong slots = new AtomicLong();
    AtomicLong watch = new AtomicLong();
    Billing billing =
        Billing.with(
            DATABASE,
            16,
            Billing.committing(
                    Billing.unit(
                        "SELECT halve(job.\"subscriptionId\") FROM koyomi.jobs() AS"
                            + " job(\"subscriptionId\" int)"),
                    "{mode: Chunk}")
                .replace("concurrency: 4", "concurrency: 1, recycle: {maxTime: 9999h}"));
    billing.execute("drop sequence if exists tries");
    billing.execute("create sequence tries");
    billing.execute(
        """
        create or replace function halve(id int) returns void language plpgsql as $$
        begin
          if id = 1 then
            perform pg_advisory_xact_lock_shared(nextval('tries'));
            raise exception 'the reason';
          end if;
        end $$
        """);
    billing.fire();
    try (Rival second = new Rival(DATABASE.dataSource());
        Rival third = new Rival(DATABASE.dataSource());
        WorkerProcess worker =
            billing.worker(
                new WorkerProcess.Settings(
                    "halves", EndRule.Stopped, true, Duration.ofMinutes(1), Duration.ofSeconds(10)),
                () ->
                    System.nanoTime()
                        + (Thread.currentThread().getName().startsWith("slot-") ? slots : watch)
                            .get())) {
      lock(second, 2);
      lock(third, 3);
      worker.start();
      second.awaitWaiter();
      slots.addAndGet(DAY);
      second.commit();
      third.awaitWaiter();
      watch.addAndGet(DAY);
      assertThat(worker.moving()).isTrue();
      third.commit();
    }
  }

  private static void lock(Rival keeper, int number) throws Exception {
    keeper.inOpenTransaction(
        open ->
            open.createStatement().execute("select pg_advisory_xact_lock(%d)".formatted(number)));
  }

  private WorkerProcess worker(Billing billing) {
    return billing.worker(EndRule.Stopped, clock::get);
  }
}
