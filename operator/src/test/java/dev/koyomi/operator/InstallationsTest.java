package dev.koyomi.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.operator.settings.OperatorSettings;
import dev.koyomi.operator.settings.OperatorSettings.Election;
import dev.koyomi.operator.settings.SettingsProblem;
import dev.koyomi.operator.testing.MockCluster;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class InstallationsTest {
  private final MockCluster cluster = new MockCluster();
  private final String namespace = cluster.newNamespace();

  @AfterEach
  void close() {
    cluster.close();
  }

  private static OperatorSettings settings(
      Optional<String> installation, Optional<Election> election) {
    return new OperatorSettings(
        "runner:1", Set.of(), Set.of(), Duration.ofSeconds(5), installation, election);
  }

  private Optional<String> named(OperatorSettings settings) throws SettingsProblem {
    return Installations.named(settings, cluster.admin()).installation();
  }

  @Test
  void twoClustersWithTheSameNamesAreTwoInstallations() throws SettingsProblem {
    String uid = cluster.admin().namespaces().withName(namespace).get().getMetadata().getUid();
    assertThat(
            named(
                settings(
                    Optional.empty(), Optional.of(new Election(namespace, "koyomi", "koyomi-1")))))
        .contains("%s/koyomi/%s".formatted(namespace, uid.substring(0, 8)));
  }

  @Test
  void theChartsValueWins() throws SettingsProblem {
    assertThat(
            named(
                settings(
                    Optional.of("production"),
                    Optional.of(new Election(namespace, "koyomi", "koyomi-1")))))
        .contains("production");
  }

  @Test
  void anOperatorOutsideAClusterIsNobodys() throws SettingsProblem {
    assertThat(named(settings(Optional.empty(), Optional.empty()))).isEmpty();
  }

  @Test
  void doesNotBeginUnderNoNameWhereItCannotSeeItsNamespace() {
    assertThatThrownBy(
            () ->
                named(
                    settings(
                        Optional.empty(),
                        Optional.of(new Election("no-such", "koyomi", "koyomi-1")))))
        .isInstanceOf(SettingsProblem.class)
        .hasMessage("KOYOMI_OPERATOR_NAMESPACE is \"no-such\", and there is no such namespace.");
  }
}
