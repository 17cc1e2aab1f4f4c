package dev.koyomi.operator.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.database.QueueClient;
import dev.koyomi.operator.reconcile.BatchOperator;
import dev.koyomi.operator.settings.OperatorSettings;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A namespace with a database Secret, and the operators that a test starts for it. */
public final class Room implements AutoCloseable {
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
  private static final int PATIENCE = 30;

  private final Cluster cluster;
  private final String namespace;
  private final Writes writes = new Writes();
  private final FakeQueue queue = new FakeQueue();
  private final CountDownLatch broken = new CountDownLatch(1);
  private final List<AutoCloseable> open = new ArrayList<>();

  public Room(Cluster cluster) {
    this.cluster = cluster;
    namespace = cluster.newNamespace();
    secret(
        "koyomi-database",
        Map.of(
            "host",
            "db",
            "port",
            "5432",
            "dbname",
            "app",
            "username",
            "app",
            "password",
            "s3cret"));
  }

  public String namespace() {
    return namespace;
  }

  public KubernetesClient admin() {
    return cluster.admin();
  }

  public Writes writes() {
    return writes;
  }

  public FakeQueue queue() {
    return queue;
  }

  /** Open until an operator says that it must be started anew. */
  public CountDownLatch broken() {
    return broken;
  }

  public BatchName name(String batch) {
    return new BatchName(namespace, batch);
  }

  public OperatorSettings settings() {
    return new OperatorSettings(
        "localhost/koyomi/job-runner:test",
        Set.of(namespace),
        Set.of("koyomi-database", "other-database"),
        Duration.ofMillis(50),
        Optional.of("this-installation"),
        Optional.empty());
  }

  /** An operator with all rights and the queue in memory. */
  public BatchOperator start() {
    return start(queue);
  }

  /** An operator with all rights. */
  public BatchOperator start(QueueClient.Connector connector) {
    KubernetesClient client = cluster.client(writes);
    open.add(client);
    return start(client, settings(), connector);
  }

  public BatchOperator start(KubernetesClient client, OperatorSettings settings) {
    return start(client, settings, queue);
  }

  private BatchOperator start(
      KubernetesClient client, OperatorSettings settings, QueueClient.Connector connector) {
    BatchOperator operator =
        new BatchOperator(settings, client, connector, InstantSource.system(), broken::countDown);
    open.add(operator);
    operator.start();
    return operator;
  }

  public void secret(String name, Map<String, String> values) {
    admin()
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .withStringData(values)
                .withData(encoded(values))
                .build())
        .createOr(existing -> existing.update());
  }

  private static Map<String, String> encoded(Map<String, String> values) {
    Map<String, String> encoded = new java.util.TreeMap<>();
    values.forEach(
        (key, value) ->
            encoded.put(
                key,
                java.util.Base64.getEncoder()
                    .encodeToString(value.getBytes(java.nio.charset.StandardCharsets.UTF_8))));
    return encoded;
  }

  /** A manifest of the test's own; its namespace is this room's. */
  public BatchSchedule read(String yaml) {
    try {
      ObjectNode tree = (ObjectNode) YAML.readTree(yaml);
      ((ObjectNode) tree.get("metadata")).put("namespace", namespace);
      return admin().getKubernetesSerialization().convertValue(tree, BatchSchedule.class);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  public BatchSchedule create(String yaml) {
    return admin().resource(read(yaml)).create();
  }

  /** Changes the spec of a stored batch. */
  public void edit(String batch, java.util.function.Consumer<ObjectNode> change) {
    change(
        BatchSchedule.class,
        batch,
        stored -> change.accept((ObjectNode) Objects.requireNonNull(stored.getSpec())));
  }

  /** Changes a stored object as a person does: again, when somebody else was faster. */
  public <T extends HasMetadata> void change(
      Class<T> kind, String name, java.util.function.Consumer<T> change) {
    while (true) {
      try {
        object(kind, name)
            .edit(
                stored -> {
                  change.accept(stored);
                  return stored;
                });
        return;
      } catch (KubernetesClientException e) {
        if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
          throw e;
        }
      }
    }
  }

  public Resource<BatchSchedule> batches(String batch) {
    return admin().resources(BatchSchedule.class).inNamespace(namespace).withName(batch);
  }

  /** Waits until the status is so, and returns it. */
  public JsonNode awaitStatus(String batch, Predicate<JsonNode> good) {
    BatchSchedule found =
        batches(batch)
            .waitUntilCondition(
                schedule ->
                    schedule != null
                        && schedule.getStatus() != null
                        && good.test(schedule.getStatus()),
                PATIENCE,
                TimeUnit.SECONDS);
    return Objects.requireNonNull(found.getStatus());
  }

  /** Waits until the condition of the batch has this reason, and returns it. */
  public JsonNode awaitReason(String batch, String type, String reason) {
    return condition(
        awaitStatus(
            batch, status -> condition(status, type).path("reason").asText().equals(reason)),
        type);
  }

  public static JsonNode condition(JsonNode status, String type) {
    for (JsonNode condition : status.path("conditions")) {
      if (condition.path("type").asText().equals(type)) {
        return condition;
      }
    }
    return com.fasterxml.jackson.databind.node.MissingNode.getInstance();
  }

  public <T extends HasMetadata> Resource<T> object(Class<T> kind, String name) {
    return admin().resources(kind).inNamespace(namespace).withName(name);
  }

  public <T extends HasMetadata> T await(Class<T> kind, String name, Predicate<T> good) {
    return object(kind, name)
        .waitUntilCondition(found -> found != null && good.test(found), PATIENCE, TimeUnit.SECONDS);
  }

  public <T extends HasMetadata> void awaitGone(Class<T> kind, String name) {
    object(kind, name).waitUntilCondition(Objects::isNull, PATIENCE, TimeUnit.SECONDS);
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable closeable : open.reversed()) {
      closeable.close();
    }
  }
}
