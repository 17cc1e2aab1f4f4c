package dev.koyomi.e2e;

import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.CronJobStatusBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobSpec;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;

/** A namespace and a database of a test's own, with the example's customers and a queue in it. */
final class Room implements AutoCloseable {
  private static final String SCHEDULE = "koyomi.dev/schedule";

  private final Installation installation;
  private final String namespace;
  private final Database database;

  private Room(Installation installation, String namespace, Database database) {
    this.installation = installation;
    this.namespace = namespace;
    this.database = database;
  }

  static Room make(Installation installation, String name) throws SQLException {
    Database database = installation.databases().create(name.replace('-', '_'));
    Room room = new Room(installation, name, database);
    room.client()
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName(name)
                .withLabels(Installation.RESTRICTED)
                .endMetadata()
                .build())
        .create();
    room.secret("koyomi-database", room.credentials());
    return room;
  }

  /** Waits up to three minutes: a start of a pod takes seconds, on a busy machine a minute. */
  static ConditionFactory eventually() {
    return await().atMost(Duration.ofMinutes(3)).pollInterval(Duration.ofMillis(200));
  }

  Manifest billing() throws IOException {
    Path root = installation.surroundings().root();
    return Manifest.read(root.resolve("examples/billing/issue-invoices.yaml")).in(namespace);
  }

  Map<String, String> credentials() {
    DatabaseServer server = installation.databases();
    return Map.of(
        "jdbc-uri", server.jdbcUriForPods(database.name()),
        "username", server.username(),
        "password", server.password());
  }

  void secret(String name, Map<String, String> values) {
    client()
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .withStringData(values)
                .build())
        .serverSideApply();
  }

  void apply(Manifest manifest) {
    client()
        .resource(manifest.resource())
        .inNamespace(namespace)
        .forceConflicts()
        .serverSideApply();
  }

  /** Applies, and waits until the operator has done all that follows from it. */
  void applyAndAwaitReady(Manifest manifest) {
    apply(manifest);
    eventually()
        .alias(manifest.name() + " is Ready")
        .untilAsserted(() -> Condition.of(batch(manifest.name()), "Ready").assertTrue());
  }

  GenericKubernetesResource batch(String name) {
    return client()
        .genericKubernetesResources("koyomi.dev/v1alpha1", "BatchSchedule")
        .inNamespace(namespace)
        .withName(name)
        .require();
  }

  /** Starts what the CronJob's controller starts for a slot: same name, same owner, same pod. */
  Job fire(String cronJob, Instant slot) {
    return fire(cronJob, slot, asItIs -> {});
  }

  /** The same, but for a change, such as several pods at once. */
  Job fire(String cronJob, Instant slot, Consumer<JobSpec> change) {
    CronJob owner = cronJob(cronJob);
    long minutes = slot.getEpochSecond() / 60;
    Job job =
        fromTemplate(owner)
            .editMetadata()
            .withName(cronJob + "-" + minutes)
            .withOwnerReferences(
                new OwnerReferenceBuilder()
                    .withApiVersion(owner.getApiVersion())
                    .withKind(owner.getKind())
                    .withName(cronJob)
                    .withUid(owner.getMetadata().getUid())
                    .withController(true)
                    .withBlockOwnerDeletion(true)
                    .build())
            .endMetadata()
            .build();
    change.accept(job.getSpec());
    return client().resource(job).create();
  }

  /** As if the CronJob's controller had last started something then. */
  void lastFired(String cronJob, Instant then) {
    client()
        .resource(cronJob(cronJob))
        .editStatus(
            stored -> {
              stored.setStatus(
                  new CronJobStatusBuilder().withLastScheduleTime(then.toString()).build());
              return stored;
            });
  }

  /** What {@code kubectl create job NAME --from=cronjob/CRONJOB} does. */
  Job request(String cronJob, String name) {
    return client()
        .resource(
            fromTemplate(cronJob(cronJob))
                .editMetadata()
                .withName(name)
                .addToAnnotations("cronjob.kubernetes.io/instantiate", "manual")
                .endMetadata()
                .build())
        .create();
  }

  private JobBuilder fromTemplate(CronJob cronJob) {
    var template = cronJob.getSpec().getJobTemplate();
    return new JobBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withLabels(template.getMetadata().getLabels())
        .withAnnotations(template.getMetadata().getAnnotations())
        .endMetadata()
        .withSpec(template.getSpec());
  }

  CronJob cronJob(String name) {
    return client().batch().v1().cronjobs().inNamespace(namespace).withName(name).require();
  }

  Resource<Job> job(String name) {
    return client().batch().v1().jobs().inNamespace(namespace).withName(name);
  }

  List<Pod> podsOf(Job job) {
    return client()
        .pods()
        .inNamespace(namespace)
        .withLabel("batch.kubernetes.io/job-name", job.getMetadata().getName())
        .list()
        .getItems();
  }

  void awaitSucceeded(Job job) {
    String name = job.getMetadata().getName();
    eventually()
        .alias("Job " + name + " succeeds")
        .until(
            () ->
                Optional.ofNullable(job(name).require().getStatus().getSucceeded()).orElse(0) > 0);
  }

  /** The Job is gone, with its pods. */
  void remove(Job job) {
    String name = job.getMetadata().getName();
    job(name).withPropagationPolicy(DeletionPropagation.FOREGROUND).delete();
    eventually().alias("Job " + name + " is gone").until(() -> job(name).get() == null);
  }

  /** Everything that the operator made for a batch, as kind/name. */
  Map<String, HasMetadata> objectsOf(String batch) {
    Map<String, HasMetadata> objects = new TreeMap<>();
    Stream.of(
            client().batch().v1().cronjobs(),
            client().batch().v1().jobs(),
            client().apps().deployments(),
            client().configMaps(),
            client().serviceAccounts())
        .flatMap(
            kind ->
                kind.inNamespace(namespace).withLabel(SCHEDULE, batch).list().getItems().stream())
        .forEach(
            found -> objects.put(found.getKind() + "/" + found.getMetadata().getName(), found));
    return objects;
  }

  /** The Deployment of a batch. */
  Deployment workers(String batch) {
    return client()
        .apps()
        .deployments()
        .inNamespace(namespace)
        .withLabel(SCHEDULE, batch)
        .list()
        .getItems()
        .getFirst();
  }

  List<Pod> workerPods(String batch) {
    return client()
        .pods()
        .inNamespace(namespace)
        .withLabels(workers(batch).getSpec().getSelector().getMatchLabels())
        .list()
        .getItems();
  }

  /** The pod is gone at once, without a signal to its processes first. */
  void kill(Pod pod) {
    client().resource(pod).withGracePeriod(0).delete();
  }

  /** Runs a command in the pod's container, and returns what it printed, errors too. */
  String inPod(Pod pod, String... command) {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    try (var execution =
        client().pods().resource(pod).writingOutput(output).writingError(output).exec(command)) {
      execution.exitCode().get(60, TimeUnit.SECONDS);
      return output.toString(StandardCharsets.UTF_8);
    } catch (InterruptedException | ExecutionException | TimeoutException failed) {
      throw new AssertionError(String.join(" ", command), failed);
    }
  }

  String logs(Pod pod) {
    return client().pods().resource(pod).getLog();
  }

  KubernetesClient client() {
    return installation.client();
  }

  Installation installation() {
    return installation;
  }

  Database database() {
    return database;
  }

  String namespace() {
    return namespace;
  }

  @Override
  public void close() throws SQLException {
    client().namespaces().withName(namespace).withGracePeriod(0).delete();
    installation.databases().drop(database.name());
  }
}
