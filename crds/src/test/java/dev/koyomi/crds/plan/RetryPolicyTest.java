package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.crds.plan.RetryPolicy.ForErrors;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RetryPolicyTest {
  private static final Backoff EXPONENTIAL =
      new Backoff.Exponential(Duration.ofSeconds(30), 2, Duration.ofSeconds(100), 0.2);
  private static final RetryPolicy POLICY =
      new RetryPolicy(
          4,
          EXPONENTIAL,
          List.of(
              new ForErrors(List.of("23505", "Timeout"), 1, EXPONENTIAL),
              new ForErrors(
                  List.of("23", "08"), 6, new Backoff.Delays(List.of(Duration.ofSeconds(7)), 0)),
              new ForErrors(List.of("23503"), 100, EXPONENTIAL)),
          3);

  @Test
  void waitsLongerAfterEachAttemptUpToTheLongestWait() {
    assertThat(POLICY.waitAfter("XX000", 1, 0.5)).contains(Duration.ofSeconds(30));
    assertThat(POLICY.waitAfter("XX000", 2, 0.5)).contains(Duration.ofSeconds(60));
    assertThat(POLICY.waitAfter("XX000", 3, 0.5)).contains(Duration.ofSeconds(100));
  }

  @Test
  void givesUpAfterTheLastAttempt() {
    assertThat(POLICY.waitAfter("XX000", 4, 0.5)).isEmpty();
    assertThat(POLICY.waitAfter("XX000", 5, 0.5)).isEmpty();
    assertThat(new RetryPolicy(1, EXPONENTIAL, List.of(), 3).waitAfter("XX000", 1, 0.5)).isEmpty();
  }

  @Test
  void spreadsTheWaitsByTheJitter() {
    assertThat(POLICY.waitAfter("XX000", 1, 0)).contains(Duration.ofSeconds(24));
    assertThat(POLICY.waitAfter("XX000", 1, 1)).contains(Duration.ofSeconds(36));
    Backoff delays = new Backoff.Delays(List.of(Duration.ofSeconds(10)), 0.5);
    assertThat(delays.waitAfter(1, 0)).isEqualTo(Duration.ofSeconds(5));
    assertThat(delays.waitAfter(1, 1)).isEqualTo(Duration.ofSeconds(15));
  }

  @Test
  void doesNotOverflowAfterManyAttempts() {
    Backoff patient = new Backoff.Exponential(Duration.ofHours(1), 10, Duration.ofHours(99_999), 1);
    assertThat(patient.waitAfter(99, 1)).isEqualTo(Duration.ofHours(2 * 99_999));
    assertThat(patient.waitAfter(99, 0)).isEqualTo(Duration.ZERO);
  }

  @Test
  void takesTheDelaysInOrderAndRepeatsTheLast() {
    Backoff delays =
        new Backoff.Delays(
            List.of(Duration.ofSeconds(10), Duration.ofMinutes(10), Duration.ofMinutes(1)), 0);
    assertThat(List.of(0, 1, 2, 3, 4, 99))
        .extracting(attempt -> delays.waitAfter(attempt, 0.9))
        .containsExactly(
            Duration.ofSeconds(10),
            Duration.ofSeconds(10),
            Duration.ofMinutes(10),
            Duration.ofMinutes(1),
            Duration.ofMinutes(1),
            Duration.ofMinutes(1));
  }

  @Test
  void hasAtLeastOneDelay() {
    assertThatThrownBy(() -> new Backoff.Delays(List.of(), 0))
        .hasMessage("A backoff by delays has at least one.");
  }

  @Test
  void theFirstRuleThatNamesTheErrorDecides() {
    assertThat(POLICY.waitAfter("23505", 1, 0.5)).isEmpty();
    assertThat(POLICY.waitAfter("23503", 5, 0.5)).contains(Duration.ofSeconds(7));
    assertThat(POLICY.waitAfter("23503", 6, 0.5)).isEmpty();
    assertThat(POLICY.waitAfter("Timeout", 1, 0.5)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"23505", "23000", "2300Z", "08P01", "Timeout", "23"})
  void aRuleNamesItsErrorsAndAllOfAClass(String errorClass) {
    assertThat(POLICY.names(errorClass)).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"22001", "40P01", "timeout", "TimeoutOfSomething", "235050", "2350", "08abc", "''"})
  void aRuleNamesNoOther(String errorClass) {
    assertThat(POLICY.names(errorClass)).isFalse();
  }
}
