package dev.koyomi.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.operator.desired.Blueprint;
import dev.koyomi.operator.desired.DesiredObjects;
import dev.koyomi.operator.testing.ApiServer;
import dev.koyomi.operator.testing.Manifests;
import dev.koyomi.operator.testing.Room;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceQuota;
import io.fabric8.kubernetes.api.model.ResourceQuotaBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What only a real API server with its controllers shows about the operator's objects. */
@ExtendWith(ApiServer.Needed.class)
final class ObjectsOnApiServerTest {
  private static @Nullable ApiServer server;
  private @Nullable Room room;

  @BeforeAll
  static void connect() {
    server = new ApiServer();
  }

  @AfterAll
  static void leave() {
    Objects.requireNonNull(server).close();
  }

  @BeforeEach
  void open() {
    room = new Room(Objects.requireNonNull(server));
    room.start();
  }

  @AfterEach
  void close() throws Exception {
    room().close();
  }

  private Room room() {
    return Objects.requireNonNull(room);
  }

  private void createInvoices() {
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
  }

  @Test
  void repairsTheNumberOfWorkers() {
    createInvoices();
    room().object(Deployment.class, "invoices-worker").scale(7);
    room()
        .await(
            Deployment.class, "invoices-worker", workers -> workers.getSpec().getReplicas() == 2);
  }

  @Test
  void repairsACron() {
    createInvoices();
    room().change(CronJob.class, "invoices-nightly", job -> job.getSpec().setSchedule("* * * * *"));
    room()
        .await(
            CronJob.class,
            "invoices-nightly",
            job -> job.getSpec().getSchedule().equals("0 1 * * *"));
  }

  @Test
  void repairsAnEnvironmentVariable() {
    createInvoices();
    room()
        .change(
            Deployment.class,
            "invoices-worker",
            workers ->
                environment(workers).removeIf(variable -> variable.getName().equals("REGION")));
    room()
        .await(
            Deployment.class,
            "invoices-worker",
            workers ->
                environment(workers).stream()
                    .anyMatch(variable -> "jp".equals(variable.getValue())));
  }

  private static List<EnvVar> environment(Deployment workers) {
    return workers.getSpec().getTemplate().getSpec().getContainers().getFirst().getEnv();
  }

  @Test
  void bringsBackWhatWasDeleted() {
    createInvoices();
    String before =
        room().object(ServiceAccount.class, "invoices-runner").get().getMetadata().getUid();
    room().object(ServiceAccount.class, "invoices-runner").delete();
    room()
        .await(
            ServiceAccount.class,
            "invoices-runner",
            account -> !account.getMetadata().getUid().equals(before));
    room().object(CronJob.class, "invoices-nightly").delete();
    room()
        .await(
            CronJob.class,
            "invoices-nightly",
            job -> job.getMetadata().getDeletionTimestamp() == null);
  }

  @Test
  void bringsBackALabel() {
    createInvoices();
    room()
        .change(
            CronJob.class,
            "invoices-nightly",
            job -> job.getMetadata().getLabels().remove("koyomi.dev/schedule"));
    room()
        .await(
            CronJob.class,
            "invoices-nightly",
            job -> job.getMetadata().getLabels().containsKey("koyomi.dev/schedule"));
  }

  /** The framework's own mapper goes by owner references, and does not notice that one is gone. */
  @Test
  void bringsBackAnOwnerReference() {
    createInvoices();
    room()
        .change(
            CronJob.class,
            "invoices-nightly",
            job -> job.getMetadata().setOwnerReferences(List.of()));
    room()
        .await(
            CronJob.class,
            "invoices-nightly",
            job -> job.getMetadata().getOwnerReferences().size() == 1);
  }

  @Test
  void whatOneDeletesGoesWithAllItsObjects() {
    createInvoices();
    String definition = definitions().getFirst().getMetadata().getName();
    room().batches("invoices").delete();
    room().awaitGone(CronJob.class, "invoices-nightly");
    room().awaitGone(Deployment.class, "invoices-worker");
    room().awaitGone(ServiceAccount.class, "invoices-runner");
    room().awaitGone(ConfigMap.class, definition);
  }

  @Test
  void renderIsWhatIsOnTheClusterInTheSameWords() {
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    BatchSchedule stored = room().batches("invoices").get();
    Planned.Valid planned = (Planned.Valid) Planner.plan(Manifest.treeOf(stored));
    Blueprint blueprint =
        new Blueprint(
            planned.plan(),
            planned.definition(),
            room().settings().runnerImage(),
            room().settings().installation(),
            Optional.empty());
    for (HasMetadata object : DesiredObjects.of(blueprint).inOrder()) {
      GenericKubernetesResource found =
          room()
              .admin()
              .genericKubernetesResources(object.getApiVersion(), object.getKind())
              .inNamespace(room().namespace())
              .withName(object.getMetadata().getName())
              .get();
      ObjectMapper json = new ObjectMapper();
      assertStates(
          json.valueToTree(found),
          room().admin().getKubernetesSerialization().convertValue(object, JsonNode.class),
          object.getKind());
    }
  }

  /** Every value that was applied is stored as it was written; the server only adds defaults. */
  private static void assertStates(JsonNode found, JsonNode stated, String path) {
    if (stated.isObject()) {
      stated
          .properties()
          .forEach(
              field ->
                  assertStates(
                      found.path(field.getKey()), field.getValue(), path + "." + field.getKey()));
    } else if (stated.isArray()) {
      assertThat(found.size()).as(path).isEqualTo(stated.size());
      for (int i = 0; i < stated.size(); i++) {
        assertStates(found.path(i), stated.path(i), path + "[" + i + "]");
      }
    } else {
      assertThat(found.asText()).as(path).isEqualTo(stated.asText());
    }
  }

  @Test
  void theJobOfAnEntryThatIsGoneRunsOn() {
    createInvoices();
    Job running = startJob("invoices-monthly");
    room().edit("invoices", spec -> spec.withArray("schedules").remove(1));
    room().awaitGone(CronJob.class, "invoices-monthly");
    Job orphan =
        room()
            .await(
                Job.class,
                "invoices-monthly-29708000",
                job -> job.getMetadata().getOwnerReferences().isEmpty());
    assertThat(orphan.getMetadata().getUid()).isEqualTo(running.getMetadata().getUid());
    assertThat(orphan.getMetadata().getDeletionTimestamp()).isNull();
  }

  @Test
  void aDefinitionStaysAsLongAsAJobNeedsIt() {
    createInvoices();
    String old = definitions().getFirst().getMetadata().getName();
    startJob("invoices-nightly");
    room().edit("invoices", spec -> ((ObjectNode) spec.get("unit")).put("timeout", "20s"));
    room().awaitStatus("invoices", status -> status.path("observedGeneration").asLong() == 2);
    room().edit("invoices", spec -> ((ObjectNode) spec.get("unit")).put("timeout", "21s"));
    room()
        .awaitStatus(
            "invoices",
            status -> status.path("observedGeneration").asLong() == 3 && Applied.yes(status));
    assertThat(room().object(ConfigMap.class, old).get()).isNotNull();
    room().object(Job.class, "invoices-nightly-29708000").delete();
    room().awaitGone(Job.class, "invoices-nightly-29708000");
    endRollout();
    room().edit("invoices", spec -> spec.put("suspend", true));
    room().awaitGone(ConfigMap.class, old);
    assertThat(definitions()).hasSize(1);
  }

  /** The pods of this test have no image, so that none of them ever takes the place of another. */
  private void endRollout() {
    room()
        .admin()
        .apps()
        .replicaSets()
        .inNamespace(room().namespace())
        .withLabel("koyomi.dev/schedule", "invoices")
        .delete();
    room()
        .await(
            Deployment.class,
            "invoices-worker",
            workers ->
                Objects.equals(workers.getStatus().getReplicas(), 2)
                    && Objects.equals(workers.getStatus().getUpdatedReplicas(), 2));
  }

  private List<ConfigMap> definitions() {
    return room()
        .admin()
        .configMaps()
        .inNamespace(room().namespace())
        .withLabel("koyomi.dev/schedule")
        .list()
        .getItems();
  }

  /** As the CronJob controller starts one. */
  private Job startJob(String cronJob) {
    CronJob owner = room().object(CronJob.class, cronJob).get();
    return room()
        .admin()
        .resource(
            new JobBuilder()
                .withNewMetadata()
                .withName(cronJob + "-29708000")
                .withNamespace(room().namespace())
                .withLabels(owner.getSpec().getJobTemplate().getMetadata().getLabels())
                .withOwnerReferences(
                    new OwnerReferenceBuilder()
                        .withApiVersion("batch/v1")
                        .withKind("CronJob")
                        .withName(cronJob)
                        .withUid(owner.getMetadata().getUid())
                        .withController(true)
                        .build())
                .endMetadata()
                .withSpec(owner.getSpec().getJobTemplate().getSpec())
                .build())
        .create();
  }

  /** Exit code 2: no second pod. */
  @Test
  void aMigrationThatCannotWorkFailsAtOnceAndIsReported() {
    room().queue().schemaIs(0);
    room().create(Manifests.invoices());
    room().awaitReason("invoices", "Reconciling", "Migrating");
    Pod pod =
        room()
            .admin()
            .pods()
            .inNamespace(room().namespace())
            .withLabel("koyomi.dev/component", "migrate")
            .informOnCondition(pods -> !pods.isEmpty())
            .orTimeout(30, TimeUnit.SECONDS)
            .join()
            .getFirst();
    room()
        .admin()
        .resource(pod)
        .subresource("status")
        // Of the status alone: the scheduler writes to the pod at the same time.
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            Serialization.asJson(
                new PodBuilder()
                    .withNewStatus()
                    .withPhase("Failed")
                    .addNewContainerStatus()
                    .withName("runner")
                    .withImage("x")
                    .withImageID("x")
                    .withReady(false)
                    .withRestartCount(0)
                    .withNewState()
                    .withNewTerminated()
                    .withExitCode(2)
                    .endTerminated()
                    .endState()
                    .endContainerStatus()
                    .endStatus()
                    .build()));
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "MigrationFailed");
    assertThat(stalled.path("message").asText()).contains("kubectl logs job/invoices-migrate-");
  }

  @Test
  void passesOnWhatTheApiServerRefuses() {
    room()
        .admin()
        .resource(
            new ResourceQuotaBuilder()
                .withNewMetadata()
                .withName("no-cronjobs")
                .withNamespace(room().namespace())
                .endMetadata()
                .withNewSpec()
                .addToHard("count/cronjobs.batch", new Quantity("0"))
                .endSpec()
                .build())
        .create();
    room()
        .await(
            ResourceQuota.class,
            "no-cronjobs",
            quota ->
                quota.getStatus() != null
                    && quota.getStatus().getUsed() != null
                    && !quota.getStatus().getUsed().isEmpty());
    room().create(Manifests.invoices());
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "Refused");
    assertThat(stalled.path("message").asText()).contains("exceeded quota: no-cronjobs");
  }

  @Test
  void theObjectsFitTheRestrictedPodSecurityStandard() {
    createInvoices();
    // The namespace enforces it: a Deployment whose pods do not fit would have none.
    assertThat(
            room()
                .admin()
                .pods()
                .inNamespace(room().namespace())
                .withLabels(Map.of("koyomi.dev/component", "worker"))
                .informOnCondition(pods -> pods.size() == 2)
                .orTimeout(30, TimeUnit.SECONDS)
                .join())
        .hasSize(2);
    startJob("invoices-nightly");
    assertThat(
            room()
                .admin()
                .pods()
                .inNamespace(room().namespace())
                .withLabels(Map.of("koyomi.dev/component", "trigger"))
                .informOnCondition(pods -> pods.size() == 1)
                .orTimeout(30, TimeUnit.SECONDS)
                .join())
        .singleElement()
        .satisfies(
            pod ->
                assertThat(pod.getMetadata().getLabels())
                    .containsEntry("batch.kubernetes.io/job-name", "invoices-nightly-29708000"));
  }
}
