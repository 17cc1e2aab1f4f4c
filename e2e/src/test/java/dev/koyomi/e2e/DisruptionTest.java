package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** In the middle of a run something is taken away; in the end each target was done once. */
@ExtendWith(OnCluster.class)
@Execution(ExecutionMode.CONCURRENT)
final class DisruptionTest {
  private static final long MIDDLE = 2_000;

  @Test
  void aKilledWorkerPodLosesAndDoublesNothing(Room room) throws Exception {
    // Longer than it takes to find out that a worker is lost.
    Billing patient =
        Billing.unguardedAndSlow(room)
            .with("spec: {unit: {timeout: 5m}, workers: {stopWithin: 5m}}");
    Billing billing = inTheMiddle(patient);
    Pod victim = room.workerPods(billing.manifest().name()).getFirst();
    // A pod that is killed has two seconds: in mid-transaction they are not enough to end well.
    try (AutoCloseable lock = room.database().lock("invoice")) {
      room.kill(victim);
      Room.eventually()
          .alias("the worker is declared lost")
          .until(
              () ->
                  room.database()
                          .count("select count(*) from koyomi.worker where lost_at is not null")
                      == 1);
    }
    billing.awaitEnd();
    billing.assertTotals();
  }

  @Test
  void aRollingRestartOfTheWorkersLosesAndDoublesNothing(Room room) throws IOException {
    Billing billing = inTheMiddle(Billing.unguardedAndSlow(room));
    room.client()
        .apps()
        .deployments()
        .resource(room.workers(billing.manifest().name()))
        .rolling()
        .restart();
    billing.awaitEnd();
    billing.assertTotals();
    assertThat(room.database().count("select count(distinct worker_id) from koyomi.work"))
        .as("workers that took part: the old pods and at least one new one")
        .isGreaterThan(2);
    assertThat(
            room.database().count("select count(*) from koyomi.worker where lost_at is not null"))
        .as("workers that did not drain")
        .isZero();
  }

  @Test
  void aRestartOfTheOperatorLosesAndDoublesNothing(Room room) throws IOException {
    Billing billing = inTheMiddle(Billing.unguardedAndSlow(room));
    room.installation().restartOperator();
    assertThat(room.database().run().state()).isEqualTo("Running");
    billing.awaitEnd();
    billing.assertTotals();
  }

  private static Billing inTheMiddle(Billing batch) {
    Billing billing = batch.applied();
    Room room = billing.room();
    room.fire(billing.manifest().cronJob(), Billing.thisMinute());
    billing.awaitInvoices(MIDDLE);
    assertThat(room.database().run().state()).isEqualTo("Running");
    return billing;
  }
}
