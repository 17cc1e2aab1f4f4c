package dev.koyomi.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.operator.database.Registration;
import dev.koyomi.operator.testing.Cluster;
import dev.koyomi.operator.testing.Manifests;
import dev.koyomi.operator.testing.Room;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.CronJobBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the operator does for a batch: on the API server in memory and on a real one. */
interface ReconcileContract {
  Cluster cluster();

  Room room();

  void useRoom(Room room);

  @BeforeEach
  default void openRoom() {
    useRoom(new Room(cluster()));
  }

  @AfterEach
  default void closeRoom() throws Exception {
    room().close();
  }

  @Test
  default void makesTheObjectsOfAManifest() {
    room().start();
    BatchSchedule schedule = room().create(Manifests.invoices());
    JsonNode status = room().awaitStatus("invoices", Applied::yes);
    assertThat(status.path("cronJobs"))
        .extracting(JsonNode::asText)
        .containsExactly("invoices-nightly", "invoices-monthly");
    assertThat(status.path("nextScheduleTime").asText()).endsWith(":00:00Z");
    assertThat(Room.condition(status, "QueueReachable").path("status").asText()).isEqualTo("True");
    assertThat(Room.condition(status, "Stalled").path("status").asText()).isEqualTo("False");
    CronJob nightly = room().object(CronJob.class, "invoices-nightly").get();
    assertThat(nightly.getMetadata().getOwnerReferences())
        .singleElement()
        .satisfies(owner -> assertThat(owner.getUid()).isEqualTo(schedule.getMetadata().getUid()));
    assertThat(room().object(Deployment.class, "invoices-worker").get().getSpec().getReplicas())
        .isEqualTo(2);
    assertThat(
            room()
                .object(ServiceAccount.class, "invoices-runner")
                .get()
                .getAutomountServiceAccountToken())
        .isFalse();
    assertThat(definitions()).hasSize(1);
    assertThat(room().object(Job.class, "invoices-migrate-" + SchemaVersion.CURRENT).get())
        .isNull();
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

  @Test
  default void writesNothingAtRest() throws Exception {
    room().start().close();
    room().create(Manifests.invoices());
    try (BatchOperator first = room().start()) {
      assertThat(first.healthy()).isTrue();
      room().awaitStatus("invoices", Applied::yes);
    }
    // The next operator knows nothing: all that it finds must be as it would make it.
    room().writes().clear();
    int registrations = room().queue().registrations().size();
    room().start();
    room().queue().runIs(room().name("invoices"), 1, "Running", 3);
    room().awaitStatus("invoices", status -> status.path("lastRun").path("succeeded").asInt() == 3);
    assertThat(room().queue().registrations()).hasSize(registrations + 1);
    assertThat(room().writes().seen())
        .containsOnly(
            "PATCH /apis/koyomi.dev/v1alpha1/namespaces/%s/batchschedules/invoices/status"
                .formatted(room().namespace()));
  }

  @Test
  default void tellsACountAtMostEveryHalfMinuteButAnEndAtOnce() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    room().queue().runIs(room().name("invoices"), 1, "Running", 1);
    room().awaitStatus("invoices", status -> status.path("lastRun").path("succeeded").asInt() == 1);
    room().queue().runIs(room().name("invoices"), 1, "Running", 2);
    room().queue().runIs(room().name("invoices"), 1, "Succeeded", 10);
    JsonNode status =
        room().awaitStatus("invoices", now -> now.path("lastRun").path("succeeded").asInt() > 1);
    assertThat(status.path("lastRun").path("state").asText()).isEqualTo("Succeeded");
  }

  @Test
  default void registersBeforeItChangesACronJob() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    AtomicReference<String> cronAtRegistration = new AtomicReference<>();
    room()
        .queue()
        .onRegister(
            registration ->
                cronAtRegistration.set(
                    room()
                        .object(CronJob.class, "invoices-nightly")
                        .get()
                        .getSpec()
                        .getSchedule()));
    room()
        .edit(
            "invoices",
            spec -> ((ObjectNode) spec.path("schedules").get(0)).put("cron", "30 2 * * *"));
    room()
        .await(
            CronJob.class,
            "invoices-nightly",
            job -> job.getSpec().getSchedule().equals("30 2 * * *"));
    assertThat(cronAtRegistration.get()).isEqualTo("0 1 * * *");
    assertThat(room().queue().registrations().getLast().definition()).contains("30 2 * * *");
  }

  @Test
  default void removesTheCronJobOfAnEntryThatIsGone() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    room().edit("invoices", spec -> spec.withArray("schedules").remove(1));
    room().awaitGone(CronJob.class, "invoices-monthly");
    JsonNode status = room().awaitStatus("invoices", now -> now.path("cronJobs").size() == 1);
    assertThat(status.path("observedGeneration").asLong()).isEqualTo(2);
  }

  @Test
  default void suspendsTheCronJobsAndTellsTheQueueWhenTheBatchIsResumed() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    room().edit("invoices", spec -> spec.put("suspend", true));
    room().await(CronJob.class, "invoices-nightly", job -> job.getSpec().getSuspend());
    JsonNode status =
        room().awaitStatus("invoices", now -> now.path("observedGeneration").asLong() == 2);
    assertThat(status.has("nextScheduleTime")).isFalse();
    assertThat(room().queue().registrations().getLast().suspended()).isTrue();
    room().edit("invoices", spec -> spec.put("suspend", false));
    room().await(CronJob.class, "invoices-nightly", job -> !job.getSpec().getSuspend());
    assertThat(room().queue().registrations().getLast().suspended()).isFalse();
  }

  @Test
  default void saysWhatIsWrongWithAManifestAndLeavesItsObjectsAlone() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    room().edit("invoices", spec -> spec.put("timeZone", "Asia/Tokio"));
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "InvalidSpec");
    assertThat(stalled.path("message").asText())
        .contains("spec.timeZone", "Asia/Tokyo")
        .endsWith("Until then the batch runs as the manifest before said.");
    JsonNode status = room().batches("invoices").get().getStatus();
    // What is true of the objects that are there: they fire, and their queue is looked at.
    assertThat(status.has("nextScheduleTime")).isTrue();
    assertThat(Room.condition(status, "QueueReachable").path("status").asText()).isEqualTo("True");
    assertThat(status.path("observedGeneration").asLong()).isEqualTo(2);
    assertThat(status.path("cronJobs")).hasSize(2);
    assertThat(room().object(CronJob.class, "invoices-nightly").get()).isNotNull();
  }

  @Test
  default void saysWhichSecretIsMissingAndGoesOnWhenItIsThere() {
    room().object(io.fabric8.kubernetes.api.model.Secret.class, "koyomi-database").delete();
    room().start();
    room().create(Manifests.invoices());
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "SecretMissing");
    assertThat(stalled.path("message").asText())
        .isEqualTo(
            "spec.database.secretName: Secret %s/koyomi-database does not exist: create it with the keys jdbc-uri (or host, port and dbname), username and password."
                .formatted(room().namespace()));
    room()
        .secret(
            "koyomi-database",
            Map.of(
                "jdbc-uri", "jdbc:postgresql://db/app", "username", "app", "password", "s3cret"));
    room().edit("invoices", spec -> spec.put("suspend", true));
    room().awaitStatus("invoices", Applied::yes);
  }

  @Test
  default void saysWhichKeyOfTheSecretIsMissingAndNeverWhatIsInIt() {
    room()
        .secret(
            "other-database",
            Map.of("host", "db", "dbname", "app", "user", "app", "pass", "s3cret"));
    room().start();
    room()
        .create(
            Manifests.invoices()
                .replace("  workers:", "  database: {secretName: other-database}\n  workers:"));
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "SecretIncomplete");
    assertThat(stalled.path("message").asText())
        .isEqualTo(
            "spec.database.secretName: Secret %s/other-database lacks the key username: it needs jdbc-uri (or host, port and dbname), username and password."
                .formatted(room().namespace()));
    assertThat(room().batches("invoices").get().getStatus().toString()).doesNotContain("s3cret");
  }

  @Test
  default void namesTheChartsValueForASecretThatItMayNotRead() {
    room().start();
    room()
        .create(
            Manifests.invoices()
                .replace("  workers:", "  database: {secretName: payroll}\n  workers:"));
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "SecretNotAllowed");
    assertThat(stalled.path("message").asText())
        .isEqualTo(
            "spec.database.secretName: the operator may not read a Secret called payroll, only"
                + " koyomi-database, other-database: add it to the chart's value"
                + " database.secretNames.");
  }

  @Test
  default void bringsAnOldSchemaUpToDateFirst() {
    room().queue().schemaIs(0);
    room().start();
    room().create(Manifests.invoices());
    String job = "invoices-migrate-" + SchemaVersion.CURRENT;
    room().awaitReason("invoices", "Reconciling", "Migrating");
    Job migration = room().object(Job.class, job).get();
    assertThat(migration.getSpec().getTemplate().getSpec().getContainers().getFirst().getArgs())
        .containsExactly("migrate");
    assertThat(room().object(CronJob.class, "invoices-nightly").get()).isNull();
    assertThat(room().queue().registrations()).isEmpty();
    room().queue().schemaIs(SchemaVersion.CURRENT);
    room().awaitStatus("invoices", Applied::yes);
  }

  @Test
  default void leavesAnOldSchemaAloneWhenItIsToldTo() {
    room().queue().schemaIs(0);
    room().start();
    room()
        .create(
            Manifests.invoices().replace("  workers:", "  database: {migrate: Never}\n  workers:"));
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "SchemaBehind");
    assertThat(stalled.path("message").asText())
        .contains("koyomi migrate", "spec.database.migrate");
    assertThat(room().object(Job.class, "invoices-migrate-" + SchemaVersion.CURRENT).get())
        .isNull();
  }

  @Test
  default void refusesANewerSchema() {
    room().queue().schemaIs(SchemaVersion.CURRENT + 1);
    room().start();
    room().create(Manifests.invoices());
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "SchemaAhead");
    assertThat(stalled.path("message").asText())
        .contains("version " + (SchemaVersion.CURRENT + 1), "only " + SchemaVersion.CURRENT);
    assertThat(room().object(CronJob.class, "invoices-nightly").get()).isNull();
  }

  @Test
  default void takesAQueueThatIsNobodysAndTellsItsPods() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    assertThat(room().queue().owner()).isEqualTo("this-installation");
    assertThat(
            room()
                .object(Deployment.class, "invoices-worker")
                .get()
                .getSpec()
                .getTemplate()
                .getSpec()
                .getContainers()
                .getFirst()
                .getEnv())
        .contains(new EnvVar("KOYOMI_INSTALLATION", "this-installation", null));
  }

  @Test
  default void leavesAQueueAloneThatIsAnotherInstallations() {
    room().queue().belongTo("their-installation");
    room().start();
    room().create(Manifests.invoices());
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "OtherInstallation");
    assertThat(stalled.path("status").asText()).isEqualTo("True");
    assertThat(stalled.path("message").asText())
        .contains("db:5432/app belongs to the installation their-installation")
        .endsWith("`koyomi migrate --adopt this-installation`.");
    assertThat(
            Room.condition(room().batches("invoices").get().getStatus(), "QueueReachable")
                .path("reason")
                .asText())
        .isEqualTo("OtherInstallation");
    assertThat(room().queue().registrations()).isEmpty();
    assertThat(room().object(CronJob.class, "invoices-nightly").get()).isNull();
    room().queue().belongTo("this-installation");
    room().awaitStatus("invoices", Applied::yes);
    // Moved away again: what is there stays; its pods find out for themselves.
    room().queue().belongTo("their-installation");
    room().awaitReason("invoices", "Stalled", "OtherInstallation");
    assertThat(room().object(CronJob.class, "invoices-nightly").get()).isNotNull();
  }

  /** A schema is older and another's: it is not this operator's to change. */
  @Test
  default void migratesNoQueueOfAnotherInstallation() {
    room().queue().schemaIs(SchemaVersion.CURRENT - 1);
    room().queue().belongTo("their-installation");
    room().start();
    room().create(Manifests.invoices());
    room().awaitReason("invoices", "Stalled", "OtherInstallation");
    assertThat(room().object(Job.class, "invoices-migrate-" + SchemaVersion.CURRENT).get())
        .isNull();
  }

  @Test
  default void keepsTheObjectsWhileTheQueueRefusesAnotherOrder() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    List<ConfigMap> before = definitions();
    String refusal = "spec.job.order: the order can only change while the batch is empty";
    room().queue().refuseRegistration(refusal);
    room()
        .edit(
            "invoices",
            spec -> {
              ((ObjectNode) spec.path("schedules").get(0)).put("cron", "30 2 * * *");
              spec.withObject("/job/order").put("mode", "Fifo");
              ((ObjectNode) spec.path("trigger"))
                  .put("sql", spec.path("trigger").path("sql").asText() + " ORDER BY 1");
            });
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "OrderChangeRefused");
    assertThat(stalled.path("status").asText()).isEqualTo("True");
    assertThat(stalled.path("message").asText())
        .isEqualTo(
            refusal
                + ". Until then the batch runs as the manifest before said, and this one is tried"
                + " again by itself.");
    JsonNode status = room().batches("invoices").get().getStatus();
    assertThat(Room.condition(status, "Ready").path("status").asText()).isEqualTo("False");
    assertThat(Room.condition(status, "QueueReachable").path("status").asText()).isEqualTo("True");
    assertThat(definitions()).isEqualTo(before);
    assertThat(room().object(CronJob.class, "invoices-nightly").get().getSpec().getSchedule())
        .isEqualTo("0 1 * * *");
    // The batch has run dry; nobody touches the manifest.
    room().queue().refuseRegistration(null);
    room().queue().runIs(room().name("invoices"), 1, "Succeeded", 10);
    room().awaitStatus("invoices", Applied::yes);
    assertThat(room().object(CronJob.class, "invoices-nightly").get().getSpec().getSchedule())
        .isEqualTo("30 2 * * *");
  }

  @Test
  default void firesNothingNewWhileTheDatabaseIsAwayAndGoesOnAfterwards() {
    room().queue().goAway();
    room().start();
    room().create(Manifests.invoices());
    JsonNode away = room().awaitReason("invoices", "QueueReachable", "DatabaseUnreachable");
    assertThat(away.path("message").asText()).contains("does not answer");
    assertThat(room().object(CronJob.class, "invoices-nightly").get()).isNull();
    room().queue().comeBack();
    room().awaitStatus("invoices", Applied::yes);
    room().queue().goAway();
    JsonNode status =
        room()
            .awaitStatus(
                "invoices",
                now ->
                    Room.condition(now, "QueueReachable").path("status").asText().equals("False"));
    assertThat(Room.condition(status, "Ready").path("reason").asText())
        .isEqualTo("DatabaseUnreachable");
    assertThat(Room.condition(status, "Stalled").path("status").asText()).isEqualTo("False");
    // A person who wants it to stop need not wait for the database.
    room().edit("invoices", spec -> spec.put("suspend", true));
    room().await(CronJob.class, "invoices-nightly", job -> job.getSpec().getSuspend());
    // The queue did not hear of it; it must hear at the end, or a slot of the pause would run late.
    room().edit("invoices", spec -> spec.put("suspend", false));
    room().queue().comeBack();
    room().await(CronJob.class, "invoices-nightly", job -> !job.getSpec().getSuspend());
    assertThat(room().queue().registrations().stream().map(Registration::suspended))
        .containsSubsequence(true, false);
  }

  @Test
  default void registersAgainWhatTheDatabaseForgot() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    java.util.concurrent.CountDownLatch again = new java.util.concurrent.CountDownLatch(1);
    room().queue().onRegister(registration -> again.countDown());
    room().queue().forgetAll();
    assertThat(again)
        .satisfies(
            latch -> assertThat(latch.await(30, java.util.concurrent.TimeUnit.SECONDS)).isTrue());
  }

  @Test
  default void leavesAnObjectOfSomebodyElseAlone() {
    room()
        .admin()
        .resource(
            new CronJobBuilder()
                .withNewMetadata()
                .withName("invoices-monthly")
                .withNamespace(room().namespace())
                .endMetadata()
                .withNewSpec()
                .withSchedule("1 1 1 1 *")
                .withNewJobTemplate()
                .withNewSpec()
                .withNewTemplate()
                .withNewSpec()
                .withRestartPolicy("Never")
                .addNewContainer()
                .withName("theirs")
                .withImage("theirs")
                .endContainer()
                .endSpec()
                .endTemplate()
                .endSpec()
                .endJobTemplate()
                .endSpec()
                .build())
        .create();
    room().start();
    room().create(Manifests.invoices());
    JsonNode stalled = room().awaitReason("invoices", "Stalled", "NameTaken");
    assertThat(stalled.path("message").asText())
        .isEqualTo(
            "CronJob invoices-monthly already exists and is not Koyomi's: rename the entry or the"
                + " BatchSchedule, or delete that object.");
    assertThat(room().object(CronJob.class, "invoices-monthly").get().getSpec().getSchedule())
        .isEqualTo("1 1 1 1 *");
  }

  @Test
  default void givesACronJobNameThatTwoWantToTheOlder() {
    room().start();
    room().create(Manifests.invoices().replace("name: nightly", "name: eu-nightly"));
    room().awaitStatus("invoices", Applied::yes);
    room().create(Manifests.invoices().replace("{name: invoices}", "{name: invoices-eu}"));
    JsonNode stalled = room().awaitReason("invoices-eu", "Stalled", "NameTaken");
    assertThat(stalled.path("message").asText())
        .isEqualTo(
            "spec.schedules: the CronJob invoices-eu-nightly belongs to the older BatchSchedule"
                + " invoices: rename the entry or this BatchSchedule.");
    assertThat(room().object(CronJob.class, "invoices-eu-nightly").get().getMetadata().getLabels())
        .containsEntry("koyomi.dev/schedule", "invoices");
  }

  @Test
  default void letsADatabaseGoThatNoBatchNeeds() {
    room().start();
    room().create(Manifests.invoices());
    room().awaitStatus("invoices", Applied::yes);
    java.util.concurrent.CountDownLatch closed = new java.util.concurrent.CountDownLatch(1);
    room().queue().onClose(closed::countDown);
    room().batches("invoices").delete();
    assertThat(closed)
        .satisfies(
            latch -> assertThat(latch.await(30, java.util.concurrent.TimeUnit.SECONDS)).isTrue());
  }
}
