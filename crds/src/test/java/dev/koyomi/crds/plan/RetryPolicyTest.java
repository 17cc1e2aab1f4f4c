package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {
  private static final RetryPolicy POLICY =
      new RetryPolicy(4, Duration.ofSeconds(30), 2, Duration.ofSeconds(100), 0.2);

  @Test
  void waitsLongerAfterEachAttemptUpToTheLongestWait() {
    assertThat(POLICY.waitAfter(1, 0.5)).contains(Duration.ofSeconds(30));
    assertThat(POLICY.waitAfter(2, 0.5)).contains(Duration.ofSeconds(60));
    assertThat(POLICY.waitAfter(3, 0.5)).contains(Duration.ofSeconds(100));
  }

  @Test
  void givesUpAfterTheLastAttempt() {
    assertThat(POLICY.waitAfter(4, 0.5)).isEmpty();
    assertThat(POLICY.waitAfter(5, 0.5)).isEmpty();
    assertThat(new RetryPolicy(1, Duration.ZERO, 1, Duration.ZERO, 0).waitAfter(1, 0.5)).isEmpty();
  }

  @Test
  void spreadsTheWaitsByTheJitter() {
    assertThat(POLICY.waitAfter(1, 0)).contains(Duration.ofSeconds(24));
    assertThat(POLICY.waitAfter(1, 1)).contains(Duration.ofSeconds(36));
  }

  @Test
  void doesNotOverflowAfterManyAttempts() {
    RetryPolicy patient =
        new RetryPolicy(100, Duration.ofHours(1), 10, Duration.ofHours(99_999), 1);
    assertThat(patient.waitAfter(99, 1)).contains(Duration.ofHours(2 * 99_999));
    assertThat(patient.waitAfter(99, 0)).contains(Duration.ZERO);
  }
}
