package dev.koyomi.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.operator.testing.Cluster;
import dev.koyomi.operator.testing.Manifests;
import dev.koyomi.operator.testing.MockCluster;
import dev.koyomi.operator.testing.Room;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatusBuilder;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

final class ReconcileOnMockTest implements ReconcileContract {
  private static @Nullable MockCluster cluster;
  private @Nullable Room room;

  @BeforeAll
  static void start() {
    cluster = new MockCluster();
  }

  @AfterAll
  static void stop() {
    Objects.requireNonNull(cluster).close();
  }

  @Override
  public Cluster cluster() {
    return Objects.requireNonNull(cluster);
  }

  @Override
  public Room room() {
    return Objects.requireNonNull(room);
  }

  @Override
  public void useRoom(Room newRoom) {
    room = newRoom;
  }

  @Test
  void saysThatTheMigrationFailed() {
    room().queue().schemaIs(0);
    room().start();
    room().create(Manifests.invoices());
    room().awaitReason("invoices", "Reconciling", "Migrating");
    room()
        .object(Job.class, "invoices-migrate-" + SchemaVersion.CURRENT)
        .editStatus(
            job -> {
              job.setStatus(
                  new JobStatusBuilder()
                      .addNewCondition()
                      .withType("Failed")
                      .withStatus("True")
                      .endCondition()
                      .build());
              return job;
            });
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "MigrationFailed");
    assertThat(stalled.path("message").asText())
        .contains("kubectl logs job/invoices-migrate-" + SchemaVersion.CURRENT);
  }

  /** The informer stops for good at an object that it cannot read; the process would do nothing. */
  @Test
  void asksToBeStartedAnewWhenAnInformerStops() throws InterruptedException {
    room().start();
    GenericKubernetesResource unreadable = new GenericKubernetesResource();
    unreadable.setApiVersion("batch/v1");
    unreadable.setKind("CronJob");
    unreadable.setMetadata(
        new ObjectMetaBuilder()
            .withName("unreadable")
            .withNamespace(room().namespace())
            .withLabels(Map.of("koyomi.dev/schedule", "x"))
            .build());
    unreadable.setAdditionalProperty("spec", Map.of("suspend", "maybe"));
    room().admin().resource(unreadable).create();
    assertThat(room().broken().await(30, TimeUnit.SECONDS)).isTrue();
  }
}
