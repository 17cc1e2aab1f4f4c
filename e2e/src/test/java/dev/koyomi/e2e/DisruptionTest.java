package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** In the middle of a run something is taken away; in the end each target was done once. */
@ExtendWith(OnCluster.class)
final class DisruptionTest {
  private static final long MIDDLE = 2_000;

  @Test
  void aKilledWorkerPodLosesAndDoublesNothing(Room room) throws IOException {
    Billing billing = inTheMiddle(room);
    Pod victim = room.workerPods(billing.manifest().name()).getFirst();
    room.kill(victim);
    billing.awaitEnd();
    billing.assertTotals();
    assertThat(
            room.database().count("select count(*) from koyomi.worker where lost_at is not null"))
        .as("workers declared lost")
        .isEqualTo(1);
  }

  @Test
  void aRollingRestartOfTheWorkersLosesAndDoublesNothing(Room room) throws IOException {
    Billing billing = inTheMiddle(room);
    room.client()
        .apps()
        .deployments()
        .resource(room.workers(billing.manifest().name()))
        .rolling()
        .restart();
    billing.awaitEnd();
    billing.assertTotals();
  }

  @Test
  void aRestartOfTheOperatorLosesAndDoublesNothing(Room room) throws IOException {
    Billing billing = inTheMiddle(room);
    room.installation().restartOperator();
    billing.awaitEnd();
    billing.assertTotals();
  }

  private static Billing inTheMiddle(Room room) throws IOException {
    Billing billing = Billing.unguardedAndSlow(room).applied();
    room.fire(billing.manifest().cronJob(), Billing.thisMinute());
    billing.awaitInvoices(MIDDLE);
    assertThat(room.database().run().state()).isEqualTo("Running");
    return billing;
  }
}
