package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the liveness probe of a worker tells from what. */
final class MovingDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final long DAY = Duration.ofDays(1).toNanos();

  private final AtomicLong clock = new AtomicLong(System.nanoTime());

  @Test
  void anIdleWorkerIsAliveHoweverLongThereIsNothingToDo() throws Exception {
    Billing billing = Billing.with(DATABASE, 1);
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

  private WorkerProcess worker(Billing billing) {
    return billing.worker(EndRule.Stopped, clock::get);
  }
}
