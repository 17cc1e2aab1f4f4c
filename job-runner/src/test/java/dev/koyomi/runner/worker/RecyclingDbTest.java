package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A process makes room for a fresh one, and nothing is lost over it. */
@Timeout(120)
final class RecyclingDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final int TARGETS = 2000;

  private final AtomicLong clock = new AtomicLong(System.nanoTime());

  private static Billing billing(String recycle) throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            TARGETS,
            Billing.manifest("concurrency: 4", "concurrency: 4, recycle: " + recycle));
    billing.fire();
    return billing;
  }

  /** It ends by itself with work left; what it held is free at its cursor, and no attempt burnt. */
  private static void assertEndsAndAnotherGoesOn(Billing billing, WorkerProcess worker)
      throws Exception {
    assertThat(worker.awaitEnd()).isTrue();
    worker.close();
    assertThat(billing.count("select count(*) from koyomi.slice where lease is not null")).isZero();
    assertThat(billing.count("select count(*) from koyomi.worker where stopped_at is null"))
        .isZero();
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded %1$d/%1$d/0/0".formatted(TARGETS));
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(TARGETS);
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  @Test
  void endsAfterSoManyJobs() throws Exception {
    Billing billing = billing("{maxJobs: 600}");
    try (WorkerProcess worker = billing.worker(EndRule.Stopped)) {
      worker.start();
      assertThat(worker.awaitEnd()).isTrue();
      assertThat(billing.count("select count(*) from invoice")).isGreaterThanOrEqualTo(600);
    }
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded %1$d/%1$d/0/0".formatted(TARGETS));
  }

  /** It would leave work behind that nobody takes up, and say that all is done. */
  @Test
  void aWorkerThatEndsWithItsWorkDoesNotEndBefore() throws Exception {
    // Any JVM has more memory.
    Billing billing =
        Billing.with(
            DATABASE,
            2,
            Billing.manifest("concurrency: 4", "concurrency: 4, recycle: {softMemory: 1Mi}")
                .replace("initial: 10ms", "initial: 1s"));
    billing.execute("update subscription set fee = null where id = 1");
    billing.fire();
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "drains", EndRule.Drained, true, Duration.ofMillis(100), Duration.ofSeconds(10));
    try (WorkerProcess worker = billing.worker(settings, System::nanoTime).start()) {
      assertThat(worker.awaitEnd()).isTrue();
    }
    assertThat(billing.run()).isEqualTo("PartiallyFailed 2/1/0/1");
  }

  @Test
  void endsWhenItsTimeIsOver() throws Exception {
    Billing billing = billing("{maxTime: 1h}");
    billing.drain();
    try (WorkerProcess worker = billing.worker(EndRule.Stopped, clock::get)) {
      worker.start();
      clock.addAndGet(Duration.ofHours(1).toNanos());
      assertThat(worker.awaitEnd()).isTrue();
    }
    assertThat(billing.count("select count(*) from koyomi.worker where stopped_at is null"))
        .isZero();
  }

  @Test
  void endsWhenItsMemoryIsUsedUp() throws Exception {
    // Any JVM has more.
    Billing billing = billing("{softMemory: 1Mi}");
    try (WorkerProcess worker = billing.worker(EndRule.Stopped)) {
      worker.start();
      assertEndsAndAnotherGoesOn(billing, worker);
    }
  }

  @Test
  void saysWhy() {
    Progress progress = new Progress();
    AtomicLong memory = new AtomicLong(10);
    Recycling recycling =
        new Recycling(
            new Plan.Recycle(Duration.ofHours(1), 5L, 100L), progress, clock::get, memory::get);
    assertThat(recycling.due()).isEmpty();
    progress.done(5);
    assertThat(recycling.due()).contains("spec.workers.recycle.maxJobs are done");
    progress.done(-5);
    memory.set(100);
    assertThat(recycling.due()).contains("spec.workers.recycle.softMemory is reached");
    memory.set(10);
    clock.addAndGet(Duration.ofHours(1).toNanos());
    assertThat(recycling.due()).contains("spec.workers.recycle.maxTime is over");
  }

  @Test
  void knowsTheMemoryOfThisProcess() {
    assertThat(Recycling.residentMemory()).isBetween(10L << 20, 64L << 30);
  }
}
