package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobSpec;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * What is fired more than once, by hand, or for a slot that is nobody's, becomes one run or none.
 */
@ExtendWith(OnCluster.class)
@Execution(ExecutionMode.CONCURRENT)
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
    Job both = room.fire(billing.manifest().cronJob(), Billing.thisMinute(), FiringTest::twoPods);
    awaitBothSucceeded(room, both);
    billing.awaitEnd();
    billing.assertTotals();
  }

  @Test
  void aTriggerKilledWhileItSelectsIsTakenOver(Room room) throws IOException {
    Billing billing = selectingSlowly(room).applied();
    Job job = room.fire(billing.manifest().cronJob(), Billing.thisMinute());
    awaitSelecting(room);
    room.podsOf(job).forEach(room::kill);
    room.awaitSucceeded(job);
    billing.awaitEnd();
    billing.assertTotals();
  }

  /** Frozen until another has taken its work over, it wakes up and wants to go on. */
  @Test
  void aTriggerThatWakesUpAfterItsTakeoverAddsNothing(Room room) throws IOException {
    Billing billing = selectingSlowly(room).applied();
    Job both =
        room.fire(
            billing.manifest().cronJob(),
            Billing.thisMinute(),
            job -> {
              twoPods(job);
              // The first process of a pod cannot be frozen from within: here it is another one.
              job.getTemplate().getSpec().setShareProcessNamespace(true);
            });
    awaitSelecting(room);
    String selector =
        room.database()
            .rows(
                "select w.pod from koyomi.run r join koyomi.worker w on w.id = r.selector_id",
                row -> row.getString(1))
            .getFirst();
    Pod frozen =
        room.podsOf(both).stream()
            .filter(pod -> pod.getMetadata().getName().equals(selector))
            .findFirst()
            .orElseThrow();
    signal(room, frozen, "STOP");
    assertThat(room.database().run().state()).as("frozen in time").isEqualTo("Selecting");
    billing.awaitEnd();
    billing.assertTotals();
    signal(room, frozen, "CONT");
    awaitBothSucceeded(room, both);
    assertThat(room.logs(frozen)).contains("fired before");
    billing.assertTotals();
  }

  private static void signal(Room room, Pod pod, String signal) {
    String said =
        room.inPod(
            pod,
            "sh",
            "-c",
            "for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" != java ] || kill -%s ${p#/proc/} && echo $p; done"
                .formatted(signal));
    assertThat(said).as("signalled").contains("/proc/");
  }

  /** The CronJob's controller starts the newest slot that it missed as soon as it may. */
  @Test
  void aSlotThatPassedBeforeTheCronWasEditedIsNotRun(Room room) throws IOException {
    Instant slot = Billing.thisMinute();
    Billing billing =
        new Billing(room, Billing.unguarded(room).manifest().cron("0 1 1 1 *").suspended(false));
    billing.applied();
    Manifest edited = billing.firedAt(slot).manifest();
    room.apply(edited);
    Room.eventually()
        .alias("the CronJob has the new cron")
        .until(
            () ->
                room.cronJob(edited.cronJob())
                    .getSpec()
                    .getSchedule()
                    .equals(edited.tree().at("/spec/schedules/0/cron").asText()));
    // The controller looks at what it missed when anything but the schedule changes.
    room.lastFired(edited.cronJob(), slot.minus(Duration.ofDays(1)));
    assertNotRun(room, slot);
  }

  @Test
  void aSlotThatPassedWhileTheBatchWasSuspendedIsNotRunLate(Room room) throws IOException {
    Instant slot = Billing.thisMinute();
    Billing billing = Billing.unguarded(room).firedAt(slot).applied();
    room.lastFired(billing.manifest().cronJob(), slot.minus(Duration.ofDays(1)));
    room.apply(billing.manifest().suspended(false));
    assertNotRun(room, slot);
  }

  private static void assertNotRun(Room room, Instant slot) {
    Room.eventually()
        .alias("the CronJob fires the slot")
        .until(() -> !room.database().runs().isEmpty());
    Database.Run run = room.database().run();
    assertThat(run.occurrence()).isEqualTo(slot);
    assertThat(run.state()).as("%s", run).isEqualTo("Skipped");
    assertThat(run.reason()).as("%s", run).isEqualTo("BeforeScheduleChange");
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

  /** The trigger needs ten seconds to select. */
  private static Billing selectingSlowly(Room room) throws IOException {
    Manifest fast = Billing.unguarded(room).manifest();
    Manifest slow = new Manifest(fast.tree().deepCopy());
    ObjectNode trigger = (ObjectNode) slow.tree().at("/spec/trigger");
    trigger.put("sql", trigger.path("sql").asText() + " AND (id <> 1 OR pg_sleep(10) IS NOT NULL)");
    return new Billing(room, slow);
  }

  private static void awaitSelecting(Room room) {
    Room.eventually()
        .alias("the trigger selects")
        .until(
            () -> room.database().runs().stream().anyMatch(run -> run.state().equals("Selecting")));
  }

  private static void twoPods(JobSpec job) {
    job.setParallelism(2);
    job.setCompletions(2);
  }

  private static void awaitBothSucceeded(Room room, Job both) {
    Room.eventually()
        .alias("both triggers succeed")
        .until(
            () ->
                Integer.valueOf(2)
                    .equals(
                        room.job(both.getMetadata().getName())
                            .require()
                            .getStatus()
                            .getSucceeded()));
  }
}
