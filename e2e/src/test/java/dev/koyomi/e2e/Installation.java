package dev.koyomi.e2e;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What all tests share: images on the cluster, a release of the chart, a PostgreSQL beside it. Made
 * once, taken away at the end.
 */
final class Installation implements AutoCloseable {
  static final String NAMESPACE = "koyomi-system";
  static final String RELEASE = "koyomi";

  /** Every namespace of the suite: what breaks the strictest profile is refused. */
  static final Map<String, String> RESTRICTED =
      Map.of("pod-security.kubernetes.io/enforce", "restricted");

  private final Surroundings surroundings;
  private final KubernetesClient client;
  private final DatabaseServer databases;

  private Installation(
      Surroundings surroundings, KubernetesClient client, DatabaseServer databases) {
    this.surroundings = surroundings;
    this.client = client;
    this.databases = databases;
  }

  static Installation make() throws IOException, SQLException {
    Surroundings surroundings = Surroundings.read();
    KubernetesClient client = new KubernetesClientBuilder().build();
    DatabaseServer databases =
        DatabaseServer.start(
            surroundings.root().resolve("e2e/target/postgres"), surroundings.databaseHost());
    Installation installation = new Installation(surroundings, client, databases);
    try {
      databases.prepare(surroundings.root().resolve("examples/billing"));
      installation.install();
    } catch (IOException | SQLException | RuntimeException | AssertionError failed) {
      databases.close();
      throw failed;
    }
    return installation;
  }

  private void install() {
    surroundings.load().ifPresent(this::load);
    client
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName(NAMESPACE)
                .withLabels(RESTRICTED)
                .endMetadata()
                .build())
        .serverSideApply();
    helm(
        "upgrade",
        "--install",
        RELEASE,
        chart(),
        "--namespace",
        NAMESPACE,
        "--set",
        "image.repository=" + surroundings.repository(),
        "--set",
        "database.secretNames={koyomi-database,without-username,not-there}",
        "--wait",
        "--timeout",
        "5m");
  }

  private void load(String command) {
    for (String image : List.of("job-runner", "operator")) {
      Path archive = surroundings.root().resolve(image + "/target/" + image + ".tar");
      Command.run(surroundings.root(), List.of("sh", "-c", command + " " + archive));
    }
  }

  String chart() {
    return surroundings.root().resolve("helm/koyomi").toString();
  }

  /** Runs Helm, which must succeed. */
  String helm(String... words) {
    List<String> command = new ArrayList<>(List.of(surroundings.helm()));
    command.addAll(List.of(words));
    return Command.run(surroundings.root(), command);
  }

  /** Runs the command line of the project as a person does. */
  Command.Ended koyomi(String... words) {
    List<String> command =
        new ArrayList<>(List.of(surroundings.root().resolve("koyomi").toString()));
    command.addAll(List.of(words));
    return Command.attempt(surroundings.root(), command);
  }

  /** The operator's pod goes, and another one comes and is ready. */
  void restartOperator() {
    var operator = client.apps().deployments().inNamespace(NAMESPACE).withName(RELEASE);
    operator.rolling().restart();
    Room.eventually()
        .alias("the operator is there again")
        .until(
            () -> {
              Deployment now = operator.require();
              return Objects.equals(
                      now.getStatus().getObservedGeneration(), now.getMetadata().getGeneration())
                  && Integer.valueOf(1).equals(now.getStatus().getUpdatedReplicas())
                  && Integer.valueOf(1).equals(now.getStatus().getReplicas())
                  && Integer.valueOf(1).equals(now.getStatus().getReadyReplicas());
            });
  }

  Surroundings surroundings() {
    return surroundings;
  }

  KubernetesClient client() {
    return client;
  }

  DatabaseServer databases() {
    return databases;
  }

  @Override
  public void close() throws IOException {
    try (client;
        databases) {
      helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait");
    }
  }
}
