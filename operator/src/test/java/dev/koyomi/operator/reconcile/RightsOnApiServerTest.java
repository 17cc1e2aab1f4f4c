package dev.koyomi.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.koyomi.operator.settings.OperatorSettings;
import dev.koyomi.operator.testing.ApiServer;
import dev.koyomi.operator.testing.Manifests;
import dev.koyomi.operator.testing.Room;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.rbac.PolicyRule;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBuilder;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The operator with the rights that the chart gives it, and no others. */
@ExtendWith(ApiServer.Needed.class)
final class RightsOnApiServerTest {
  private static final Path CHART = Path.of("..", "helm", "koyomi", "templates", "rbac.yaml");

  @Test
  void theChartsRightsAreEnoughAndASecretOutsideThemIsNamed() throws Exception {
    try (ApiServer server = new ApiServer();
        Room room = new Room(server);
        KubernetesClient client = limited(server, room)) {
      OperatorSettings asInstalled = room.settings();
      room.start(
          client,
          new OperatorSettings(
              asInstalled.runnerImage(),
              asInstalled.namespaces(),
              // More than the role has: as when somebody changed the one and not the other.
              Set.of("koyomi-database", "payroll"),
              asInstalled.pollInterval(),
              asInstalled.installation(),
              asInstalled.election()));
      room.queue().schemaIs(0);
      room.create(Manifests.invoices());
      room.awaitReason("invoices", "Reconciling", "Migrating");
      room.queue().schemaIs(dev.koyomi.crds.SchemaVersion.CURRENT);
      room.awaitStatus("invoices", Applied::yes);
      room.edit("invoices", spec -> spec.withArray("schedules").remove(1));
      room.awaitGone(CronJob.class, "invoices-monthly");
      room.create(
          Manifests.invoices()
              .replace("{name: invoices}", "{name: salaries}")
              .replace("  workers:", "  database: {secretName: payroll}\n  workers:"));
      JsonNode stalled = room.awaitReason("salaries", "Stalled", "SecretNotAllowed");
      assertThat(stalled.path("message").asText())
          .isEqualTo(
              "The operator's role does not let it read Secret %s/payroll: add payroll to the chart's value database.secretNames."
                  .formatted(room.namespace()));
    }
  }

  private static KubernetesClient limited(ApiServer server, Room room) throws IOException {
    KubernetesClient admin = room.admin();
    String namespace = room.namespace();
    admin
        .resource(
            new ServiceAccountBuilder()
                .withNewMetadata()
                .withName("operator")
                .withNamespace(namespace)
                .endMetadata()
                .build())
        .create();
    admin
        .resource(
            new RoleBuilder()
                .withNewMetadata()
                .withName("operator")
                .withNamespace(namespace)
                .endMetadata()
                .withRules(rules())
                .build())
        .create();
    admin
        .resource(
            new RoleBindingBuilder()
                .withNewMetadata()
                .withName("operator")
                .withNamespace(namespace)
                .endMetadata()
                .withNewRoleRef("rbac.authorization.k8s.io", "Role", "operator")
                .addNewSubject("", "ServiceAccount", "operator", namespace)
                .build())
        .create();
    String token =
        admin
            .serviceAccounts()
            .inNamespace(namespace)
            .withName("operator")
            .tokenRequest(new TokenRequestBuilder().withNewSpec().endSpec().build())
            .getStatus()
            .getToken();
    return new KubernetesClientBuilder()
        .withConfig(new ConfigBuilder(server.config()).withOauthToken(token).build())
        .build();
  }

  /** The rules of the chart's template, for the default Secret name. */
  private static List<PolicyRule> rules() throws IOException {
    String yaml =
        Files.readAllLines(CHART).stream()
            .skip(1)
            .takeWhile(line -> !line.startsWith("{{- end"))
            .filter(line -> !line.strip().startsWith("{{"))
            .map(line -> line.replaceAll("\\{\\{- toYaml .*", "[koyomi-database]"))
            .collect(Collectors.joining("\n"));
    List<PolicyRule> rules = new ArrayList<>();
    ObjectMapper mapper = new ObjectMapper(new YAMLFactory());
    for (JsonNode rule : mapper.readTree(yaml)) {
      rules.add(mapper.treeToValue(rule, PolicyRule.class));
    }
    assertThat(rules).as("rules in %s", CHART).hasSizeGreaterThan(5);
    return rules;
  }
}
