package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What is fired more than once, by hand, or for a slot that is nobody's, becomes one run or none.
 */
@ExtendWith(OnCluster.class)
final class FiringTest {

  @Test
  void aSlotThatIsFiredAgainIsTheSameRun(Room room) throws IOException {
    Billing billing = Billing.unguarded(room).applied();
    Instant slot = Billing.thisMinute();
    Job first = room.fire(billing.manifest().cronJob(), slot);
    room.awaitSucceeded(first);
    room.remove(first);
    room.awaitSucceeded(room.fire(billing.manifest().cronJob(), slot));
    billing.awaitEnd();
    billing.assertTotals();
    room.remove(first);
    room.awaitSucceeded(room.fire(billing.manifest().cronJob(), slot));
    billing.assertTotals();
  }

  @Test
  void twoTriggersOfOneSlotAtOnceAreOneRun(Room room) throws IOException {
    Billing billing = Billing.unguarded(room).applied();
    Job both = room.fire(billing.manifest().cronJob(), Billing.thisMinute(), 2);
    Room.eventually()
        .alias("both triggers succeed")
        .until(() -> Integer.valueOf(2).equals(both(room, both).getStatus().getSucceeded()));
    billing.awaitEnd();
    billing.assertTotals();
  }

  @Test
  void aTriggerKilledWhileItSelectsIsTakenOver(Room room) throws IOException {
    Billing billing = Billing.unguarded(room);
    String slowly = billing.manifest().tree().at("/spec/trigger/sql").asText();
    billing =
        new Billing(
                room,
                billing
                    .manifest()
                    .with(
                        """
                        spec: {trigger: {sql: "%s AND (id <> 1 OR pg_sleep(10) IS NOT NULL)"}}
                        """
                            .formatted(slowly.replace("\"", "\\\"").replace("\n", " "))))
            .applied();
    Job job = room.fire(billing.manifest().cronJob(), Billing.thisMinute());
    Room.eventually()
        .alias("the trigger selects")
        .until(
            () -> room.database().runs().stream().anyMatch(run -> run.state().equals("Selecting")));
    room.podsOf(job).forEach(room::kill);
    room.awaitSucceeded(job);
    billing.awaitEnd();
    billing.assertTotals();
  }

  @Test
  void aSlotBeforeTheEditOfTheCronFiresNothing(Room room) throws IOException {
    Billing billing = new Billing(room, Billing.unguarded(room).manifest().cron("0 1 1 1 *"));
    room.applyAndAwaitReady(billing.manifest());
    room.database().registeredAnHourAgo();
    room.applyAndAwaitReady(billing.manifest().cron("* * * * *"));
    Instant before = Billing.thisMinute().minus(Duration.ofMinutes(2));
    room.awaitSucceeded(room.fire(billing.manifest().cronJob(), before));
    assertThat(room.database().run().state()).isEqualTo("Skipped");
    assertThat(room.database().invoices()).isZero();
  }

  @Test
  void aCancelledRunDoesNotComeBackByARetryOfItsTrigger(Room room) throws IOException {
    Billing billing = Billing.unguardedAndSlow(room).applied();
    Instant slot = Billing.thisMinute();
    Job job = room.fire(billing.manifest().cronJob(), slot);
    billing.awaitInvoices(100);
    room.database()
        .execute("select koyomi.cancel_run(%d, 'test')".formatted(room.database().run().id()));
    long invoices = room.database().invoices();
    room.awaitSucceeded(job);
    room.remove(job);
    room.awaitSucceeded(room.fire(billing.manifest().cronJob(), slot));
    assertThat(room.database().run().state()).isEqualTo("Cancelled");
    assertThat(room.database().run().attempt()).isEqualTo(1);
    assertThat(room.database().invoices()).isEqualTo(invoices);
  }

  @Test
  void aJobMadeByHandFromTheCronJobIsARequestedRun(Room room) throws IOException {
    Billing billing = Billing.unguarded(room).applied();
    Job job = room.request(billing.manifest().cronJob(), "by-hand");
    room.awaitSucceeded(job);
    billing.awaitEnd();
    billing.assertTotals();
    assertThat(room.database().run().request()).isEqualTo(room.namespace() + "/by-hand");
    room.remove(job);
    room.awaitSucceeded(room.request(billing.manifest().cronJob(), "by-hand"));
    billing.assertTotals();
  }

  private static Job both(Room room, Job job) {
    return room.job(job.getMetadata().getName()).require();
  }
}
