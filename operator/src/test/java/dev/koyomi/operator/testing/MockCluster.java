package dev.koyomi.operator.testing;

import dev.koyomi.crds.BatchSchedule;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.fabric8.kubernetes.client.dsl.base.CustomResourceDefinitionContext;
import io.fabric8.kubernetes.client.server.mock.KubernetesMockServer;
import io.fabric8.mockwebserver.Context;
import io.fabric8.mockwebserver.MockWebServer;
import java.util.HashMap;
import java.util.UUID;
import java.util.logging.Level;
import java.util.logging.Logger;

/** The API server in memory. */
public final class MockCluster implements Cluster {
  /** Held here so that its level stays: it says each request. */
  private static final Logger CHATTER = Logger.getLogger("io.fabric8.mockwebserver");

  private final KubernetesMockServer server;
  private final KubernetesClient admin;

  public MockCluster() {
    CHATTER.setLevel(Level.WARNING);
    ApplyDispatcher dispatcher = new ApplyDispatcher();
    boolean https = false;
    server =
        new KubernetesMockServer(
            new Context(), new MockWebServer(), new HashMap<>(), dispatcher, https);
    server.init();
    server.expectCustomResource(
        CustomResourceDefinitionContext.fromCustomResourceType(BatchSchedule.class));
    admin = server.createClient();
  }

  @Override
  public KubernetesClient admin() {
    return admin;
  }

  @Override
  public Config config() {
    return admin.getConfiguration();
  }

  @Override
  public String newNamespace() {
    String name = "test-" + UUID.randomUUID().toString().substring(0, 8);
    admin
        .resource(new NamespaceBuilder().withNewMetadata().withName(name).endMetadata().build())
        // Not create(): a request that takes long is sent again, and the first one counted too.
        .createOr(NonDeletingOperation::update);
    return name;
  }

  @Override
  public void close() {
    admin.close();
    server.destroy();
  }
}
