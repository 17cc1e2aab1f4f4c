package dev.koyomi.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.javaoperatorsdk.operator.processing.retry.RetryExecution;
import java.time.Duration;
import org.junit.jupiter.api.Test;

final class RetryTest {
  @Test
  void neverGivesUpAndNeverWaitsLongerThanFiveMinutes() {
    RetryExecution execution = BatchOperator.retry().initExecution();
    for (int failure = 1; failure <= 1000; failure++) {
      assertThat(execution.nextDelay())
          .as("after failure %d", failure)
          .hasValueSatisfying(
              delay -> assertThat(delay).isBetween(1L, Duration.ofMinutes(5).toMillis()));
    }
  }
}
