package dev.koyomi.operator.testing;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A real API server, the one that KOYOMI_TEST_KUBECONFIG names; with our CRD on it. */
public final class ApiServer implements Cluster {
  private static final String KUBECONFIG = "KOYOMI_TEST_KUBECONFIG";
  private static final int PATIENCE = 30;

  /** Leaves a test class out where there is no server. */
  public static final class Needed implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      if (System.getenv(KUBECONFIG) != null) {
        return ConditionEvaluationResult.enabled(KUBECONFIG + " is set");
      }
      System.out.printf(
          "%s is left out: set %s to the kubeconfig of a cluster for tests.%n",
          context.getDisplayName(), KUBECONFIG);
      return ConditionEvaluationResult.disabled(KUBECONFIG + " is not set");
    }
  }

  private final Config config =
      Config.fromKubeconfig(new File(Objects.requireNonNull(System.getenv(KUBECONFIG))));
  private final KubernetesClient admin = new KubernetesClientBuilder().withConfig(config).build();
  private final List<String> namespaces = new ArrayList<>();
  private final boolean broughtCrd;

  public ApiServer() {
    broughtCrd = admin.resource(crd()).get() == null;
    installCrd();
  }

  /** The definition as the release has it. */
  public GenericKubernetesResource crd() {
    try (InputStream yaml =
        Objects.requireNonNull(
            ApiServer.class.getResourceAsStream("/crds/koyomi.dev_batchschedules.yaml"))) {
      return admin.getKubernetesSerialization().unmarshal(yaml, GenericKubernetesResource.class);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Puts the release's definition there, in the place of one that a test changed. */
  public void installCrd() {
    installCrd(crd());
  }

  public void installCrd(GenericKubernetesResource crd) {
    admin.resource(crd).fieldManager("test").forceConflicts().serverSideApply();
    admin
        .resource(crd)
        .waitUntilCondition(
            found -> found != null && "True".equals(established(found)),
            PATIENCE,
            TimeUnit.SECONDS);
  }

  private static @Nullable Object established(GenericKubernetesResource crd) {
    List<?> conditions = crd.get("status", "conditions");
    if (conditions == null) {
      return null;
    }
    return conditions.stream()
        .map(Map.class::cast)
        .filter(condition -> "Established".equals(condition.get("type")))
        .map(condition -> condition.get("status"))
        .findFirst()
        .orElse(null);
  }

  @Override
  public KubernetesClient admin() {
    return admin;
  }

  @Override
  public Config config() {
    return config;
  }

  @Override
  public String newNamespace() {
    String name = "test-" + UUID.randomUUID().toString().substring(0, 8);
    admin
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName(name)
                // What the operator makes must fit the strictest standard.
                .addToLabels("pod-security.kubernetes.io/enforce", "restricted")
                .endMetadata()
                .build())
        .create();
    namespaces.add(name);
    return name;
  }

  @Override
  public void close() {
    namespaces.forEach(name -> admin.namespaces().withName(name).delete());
    if (broughtCrd) {
      // Nobody's: Helm would refuse to install the chart over it.
      admin.resource(crd()).withTimeout(PATIENCE, TimeUnit.SECONDS).delete();
    }
    admin.close();
  }
}
