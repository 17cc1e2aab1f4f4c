package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The chart, with Helm and without. */
@ExtendWith(OnCluster.class)
final class ChartTest {

  @Test
  void helmFindsNothingToComplainAbout(Installation installation) {
    assertThat(installation.helm("lint", "--strict", installation.chart()))
        .contains("0 chart(s) failed");
  }

  @Test
  void valuesThatDoNotExistAreRefused(Installation installation) {
    Command.Ended ended =
        Command.attempt(
            installation.surroundings().root(),
            List.of(
                installation.surroundings().helm(),
                "template",
                installation.chart(),
                "--set",
                "database.secretName=billing"));
    assertThat(ended.status()).isNotZero();
    assertThat(ended.errors()).contains("secretName");
  }

  @Test
  void whatHelmPrintsCanBeAppliedWithoutHelm(Installation installation, @TempDir Path folder)
      throws IOException {
    Path file = folder.resolve("koyomi.yaml");
    Files.writeString(
        file,
        installation.helm(
            "template", "koyomi", installation.chart(), "--namespace", Installation.NAMESPACE));
    Command.run(
        folder,
        List.of(
            "kubectl",
            "apply",
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "--namespace",
            Installation.NAMESPACE,
            "-f",
            file.toString()));
  }

  @Test
  void explainsEachField(Installation installation) {
    String explained =
        Command.run(installation.surroundings().root(), List.of("kubectl", "explain", "bs.spec"));
    assertThat(explained)
        .contains("timeZone", "schedules", "suspend", "overlap", "trigger", "job", "unit")
        .contains("workers", "image", "resources", "env", "database")
        .doesNotContain("<no description>");
    for (String field :
        List.of(
            "schedules",
            "overlap",
            "trigger",
            "job.retry.backoff",
            "unit",
            "workers",
            "database",
            "env")) {
      assertThat(
              Command.run(
                  installation.surroundings().root(),
                  List.of("kubectl", "explain", "bs.spec." + field)))
          .as(field)
          .doesNotContain("<no description>");
    }
  }

  @Test
  void theDefinitionStaysWhenTheReleaseGoes(Installation installation) {
    JsonNode definition =
        Yaml.documents(
                installation.helm(
                    "template", installation.chart(), "--show-only", "templates/crds.yaml"))
            .getFirst();
    assertThat(definition.at("/metadata/annotations").path("helm.sh/resource-policy").asText())
        .isEqualTo("keep");
    assertThat(installation.helm("template", installation.chart(), "--set", "crds.enabled=false"))
        .doesNotContain("CustomResourceDefinition");
  }

  @Test
  void theOperatorReadsNoOtherSecretThanThoseNamed(Installation installation) {
    assertThat(mayRead(installation, "koyomi-database")).isTrue();
    assertThat(mayRead(installation, "somebody-elses")).isFalse();
    assertThat(mayRead(installation, "")).isFalse();
  }

  private static boolean mayRead(Installation installation, String secret) {
    return installation
        .client()
        .authorization()
        .v1()
        .subjectAccessReview()
        .create(
            new SubjectAccessReviewBuilder()
                .withNewSpec()
                .withUser("system:serviceaccount:koyomi-system:koyomi")
                .withNewResourceAttributes()
                .withNamespace("default")
                .withResource("secrets")
                .withVerb("get")
                .withName(secret)
                .endResourceAttributes()
                .endSpec()
                .build())
        .getStatus()
        .getAllowed();
  }
}
