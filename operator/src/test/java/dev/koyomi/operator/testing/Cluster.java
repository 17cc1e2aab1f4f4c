package dev.koyomi.operator.testing;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;

/** An API server: the one in memory, or a real one. */
public interface Cluster extends AutoCloseable {
  /** For the test itself, with all rights. */
  KubernetesClient admin();

  /** How to connect. */
  Config config();

  /** Makes a namespace of its own and returns its name. */
  String newNamespace();

  /** For an operator, whose writes are noted. */
  default KubernetesClient client(Writes writes) {
    return new KubernetesClientBuilder()
        .withConfig(config())
        .withHttpClientBuilderConsumer(http -> http.addOrReplaceInterceptor("writes", writes))
        .build();
  }

  @Override
  void close();
}
