package dev.koyomi.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.operator.testing.ApiServer;
import dev.koyomi.operator.testing.Manifests;
import dev.koyomi.operator.testing.Room;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Objects that another version of the CRD let in. */
@ExtendWith(ApiServer.Needed.class)
final class PoisonOnApiServerTest {
  /** Unprocessable Entity. */
  private static final int INVALID = 422;

  private static final String POISON =
      Manifests.invoices()
          .replace("{name: invoices}", "{name: from-the-future}")
          .replace("workers: {max: 2}", "workers: {max: many}\n  overlap: {policy: Queue}");

  @Test
  void oneIsStalledAndItsNeighboursWorkOnWhetherItWasThereFirstOrCame() throws Exception {
    try (ApiServer server = new ApiServer();
        Room room = new Room(server)) {
      try {
        server.installCrd(lenient(server.crd()));
        createOnceAccepted(room, POISON);
        server.installCrd();
        BatchOperator operator = room.start();
        room.create(Manifests.invoices());
        room.awaitStatus("invoices", Applied::yes);
        JsonNode stalled = room.awaitReason("from-the-future", "Stalled", "InvalidSpec");
        assertThat(stalled.path("message").asText())
            .contains("spec.workers.max", "spec.overlap.policy");

        server.installCrd(lenient(server.crd()));
        createOnceAccepted(room, POISON.replace("from-the-future", "from-further-away"));
        server.installCrd();
        room.awaitReason("from-further-away", "Stalled", "InvalidSpec");
        room.create(Manifests.invoices().replace("{name: invoices}", "{name: reminders}"));
        room.awaitStatus("reminders", Applied::yes);
        assertThat(operator.healthy()).isTrue();
        assertThat(room.broken().getCount()).isEqualTo(1);
      } finally {
        server.installCrd();
      }
    }
  }

  /** The API server takes a moment to validate by another schema. */
  private static void createOnceAccepted(Room room, String manifest) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (true) {
      try {
        room.create(manifest);
        return;
      } catch (KubernetesClientException refused) {
        if (refused.getCode() != INVALID || System.nanoTime() > deadline) {
          throw refused;
        }
        Thread.onSpinWait();
      }
    }
  }

  /** The same CRD, but any spec goes. */
  @SuppressWarnings("unchecked")
  private static GenericKubernetesResource lenient(GenericKubernetesResource crd) {
    Map<String, Object> version =
        (Map<String, Object>) ((List<?>) crd.get("spec", "versions")).getFirst();
    Map<String, Object> schema = new HashMap<>();
    schema.put("type", "object");
    schema.put("x-kubernetes-preserve-unknown-fields", true);
    version.put("schema", Map.of("openAPIV3Schema", schema));
    return crd;
  }
}
