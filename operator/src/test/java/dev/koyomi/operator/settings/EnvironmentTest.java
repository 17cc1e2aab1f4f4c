package dev.koyomi.operator.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.operator.settings.OperatorSettings.Election;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class EnvironmentTest {
  @Test
  void needsOnlyTheImage() throws SettingsProblem {
    assertThat(Environment.read(Map.of("KOYOMI_RUNNER_IMAGE", "runner:1")))
        .isEqualTo(
            new OperatorSettings(
                "runner:1",
                Set.of(),
                Set.of("koyomi-database"),
                Duration.ofSeconds(5),
                Optional.empty(),
                Optional.empty()));
  }

  @Test
  void readsEverything() throws SettingsProblem {
    OperatorSettings settings =
        Environment.read(
            Map.of(
                "KOYOMI_RUNNER_IMAGE", "runner:1",
                "KOYOMI_WATCH_NAMESPACES", "billing, payroll",
                "KOYOMI_DATABASE_SECRET_NAMES", "a,b.c",
                "KOYOMI_POLL_INTERVAL", "1m30s",
                "KOYOMI_INSTALLATION", "production",
                "KOYOMI_LEASE_NAME", "koyomi",
                "KOYOMI_OPERATOR_NAMESPACE", "koyomi-system",
                "KOYOMI_POD", "koyomi-1"));
    assertThat(settings)
        .isEqualTo(
            new OperatorSettings(
                "runner:1",
                Set.of("billing", "payroll"),
                Set.of("a", "b.c"),
                Duration.ofSeconds(90),
                Optional.of("production"),
                Optional.of(new Election("koyomi-system", "koyomi", "koyomi-1"))));
  }

  @Test
  void saysAllThatIsWrongAtOnce() {
    assertThatThrownBy(
            () ->
                Environment.read(
                    Map.of(
                        "KOYOMI_WATCH_NAMESPACES", "Billing",
                        "KOYOMI_POLL_INTERVAL", "5",
                        "KOYOMI_INSTALLATION", "the one",
                        "KOYOMI_LEASE_NAME", "koyomi")))
        .isInstanceOf(SettingsProblem.class)
        .hasMessage(
            """
            KOYOMI_RUNNER_IMAGE is not set: it is the image of triggers and workers.
            KOYOMI_WATCH_NAMESPACES contains "Billing": write names of Kubernetes objects with commas between them.
            KOYOMI_POLL_INTERVAL is "5": write a duration of at least 1s, such as 5s.
            KOYOMI_INSTALLATION is "the one": write up to 200 letters, digits and any of . _ / : -, such as production.
            KOYOMI_OPERATOR_NAMESPACE is not set: it is the namespace of the Lease.
            KOYOMI_POD is not set: it is what this operator is called in the Lease.\
            """
                .stripIndent());
  }
}
