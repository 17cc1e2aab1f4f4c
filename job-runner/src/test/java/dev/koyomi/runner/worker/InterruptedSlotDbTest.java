package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The watchdog's interrupt is for the Unit; its slot outlives it. */
@Timeout(60)
final class InterruptedSlotDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private final CompletableFuture<Thread> slot = new CompletableFuture<>();

  private WorkerProcess worker(Billing billing) {
    return billing.worker(
        new WorkerProcess.Settings(
            "interrupted",
            EndRule.Stopped,
            true,
            Duration.ofMillis(100),
            Duration.ofSeconds(10),
            Duration.ofMillis(50),
            run -> {
              slot.complete(Thread.ofPlatform().unstarted(run));
              return slot.join();
            }),
        System::nanoTime);
  }

  private static Billing billing(int targets, String limits) {
    return Billing.with(
        DATABASE,
        targets,
        Billing.unit(
                """
                SELECT pg_advisory_xact_lock_shared(42);
                INSERT INTO invoice (subscription_id, billing_date, amount)
                SELECT id, :billingDate, fee FROM subscription WHERE id = :subscriptionId
                """)
            .replace("job: {", "job: {" + limits)
            .replace("concurrency: 4", "concurrency: 1"));
  }

  private static void awaitInvoices(Billing billing, int number) {
    long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (billing.count("select count(*) from invoice") < number) {
      assertThat(System.nanoTime())
          .as("invoices: " + billing.count("select count(*) from invoice"))
          .isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void anIdleSlotGoesOnAfterIt() throws Exception {
    Billing billing = billing(10, "");
    try (WorkerProcess worker = worker(billing).start()) {
      slot.join().interrupt();
      long looked = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (slot.join().isInterrupted()) {
        assertThat(System.nanoTime()).as("it hears of it").isLessThan(looked);
        Thread.onSpinWait();
      }
      billing.fire();
      awaitInvoices(billing, 10);
      assertThat(worker.moving()).isTrue();
    }
  }

  /** The statement comes back, or its session ends; later the slot waits for a permit. */
  @ParameterizedTest
  @ValueSource(strings = {"comes back", "is cancelled", "loses its session"})
  void aSlotGoesOnWhoseStatement(String how) throws Exception {
    Billing billing = billing(150, "limits: {rate: 100/s}, ");
    billing.fire();
    try (Rival keeper = new Rival(DATABASE.dataSource())) {
      keeper.inOpenTransaction(
          open -> open.createStatement().execute("select pg_advisory_xact_lock(42)"));
      try (WorkerProcess worker = worker(billing).start()) {
        keeper.awaitWaiter();
        slot.join().interrupt();
        String waiter =
            " from pg_stat_activity where application_name like '%slot%' and wait_event_type ="
                + " 'Lock'";
        switch (how) {
          case "is cancelled" -> billing.text("select pg_cancel_backend(pid)::text" + waiter);
          case "loses its session" ->
              billing.text("select pg_terminate_backend(pid)::text" + waiter);
          default -> assertThat(billing.count("select count(*)" + waiter)).isOne();
        }
        keeper.commit();
        awaitInvoices(billing, 150);
        assertThat(slot.join().isAlive()).isTrue();
        assertThat(worker.moving()).isTrue();
      }
    }
    assertThat(billing.count("select count(distinct subscription_id) from invoice")).isEqualTo(150);
  }

  /** It took nothing with it but itself, and nobody would notice. */
  @Test
  void aSlotWhoseThreadDiedIsNotAlive() throws Exception {
    Billing billing = billing(1, "");
    AtomicLong clock = new AtomicLong(System.nanoTime());
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "dead",
            EndRule.Stopped,
            true,
            Duration.ofMillis(100),
            Duration.ofSeconds(10),
            Duration.ofMillis(50),
            run -> {
              slot.complete(Thread.ofPlatform().unstarted(() -> {}));
              return slot.join();
            });
    try (WorkerProcess worker = billing.worker(settings, clock::get).start()) {
      slot.join().join();
      assertThat(worker.moving()).isTrue();
      clock.addAndGet(Duration.ofDays(1).toNanos());
      assertThat(worker.moving()).isFalse();
    }
  }
}
