package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Pod;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The whole way: the CronJob fires by itself, and each active subscription gets its invoice. */
@ExtendWith(OnCluster.class)
final class BillingTest {
  private static Room room;
  private static Billing billing;

  @BeforeAll
  static void theCronJobFires(Room room) throws Exception {
    BillingTest.room = room;
    // As on the first day: the operator has the queue made.
    room.database().execute("drop schema koyomi cascade");
    billing = new Billing(room, room.billing().cron("* * * * *"));
    room.apply(billing.manifest());
    Room.eventually().alias("a run").until(() -> !room.database().runs().isEmpty());
    room.apply(billing.manifest().suspended(true));
    billing.awaitEnd();
  }

  @Test
  void eachActiveSubscriptionGetsOneInvoiceAndThreeNeedAttention() {
    billing.assertTotals();
    assertThat(room.database().run().request()).isEmpty();
  }

  @Test
  void theStatusTellsHowTheRunEnded() {
    Room.eventually()
        .untilAsserted(
            () -> {
              JsonNode last =
                  Condition.status(room.batch(billing.manifest().name())).path("lastRun");
              assertThat(last.path("state").asText()).isEqualTo("PartiallyFailed");
              assertThat(last.path("selected").asLong()).isEqualTo(Billing.SELECTED);
              assertThat(last.path("succeeded").asLong()).isEqualTo(Billing.SUCCEEDED);
              assertThat(last.path("dead").asLong()).isEqualTo(Billing.DEAD);
            });
  }

  @Test
  void aPodOfTheBatchHasNoTokenForTheKubernetesApi() {
    assertThat(workerPod().getSpec().getAutomountServiceAccountToken()).isFalse();
    assertThat(inPod("ls", "/var/run/secrets")).doesNotContain("kubernetes.io");
  }

  @Test
  void theJvmIsTheFirstProcessOfAnOrdinaryUserOnAReadOnlyFileSystem() {
    assertThat(inPod("cat", "/proc/1/cmdline")).startsWith("java\0");
    assertThat(inPod("cat", "/proc/1/status")).containsPattern("Uid:\\s+65532\\s+65532");
    assertThat(inPod("touch", "/file")).contains("Read-only file system");
  }

  @Test
  void theImageHasNoDatabaseServerInIt() {
    assertThat(inPod("ls", "/app/libs")).contains("postgresql-").doesNotContain("embedded");
  }

  private static Pod workerPod() {
    return room.workerPods(billing.manifest().name()).getFirst();
  }

  private static String inPod(String... command) {
    return room.inPod(workerPod(), command);
  }
}
