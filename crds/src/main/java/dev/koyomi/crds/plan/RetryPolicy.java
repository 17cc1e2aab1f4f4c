package dev.koyomi.crds.plan;

import java.time.Duration;
import java.util.Optional;

/**
 * When a job whose Unit failed is tried again.
 *
 * @param maxAttempts attempts in all
 * @param initial wait before the second attempt
 * @param factor by how much each wait is longer than the one before
 * @param max longest wait, before the jitter
 * @param jitter share by which a wait is made shorter or longer
 */
public record RetryPolicy(
    int maxAttempts, Duration initial, double factor, Duration max, double jitter) {

  /**
   * The wait after a failed attempt.
   *
   * @param attempt number of the attempt that failed, from 1
   * @param random01 a random number from 0 to 1
   * @return empty when there is no further attempt
   */
  public Optional<Duration> waitAfter(int attempt, double random01) {
    if (attempt >= maxAttempts) {
      return Optional.empty();
    }
    double wait = (double) initial.toMillis() * Math.pow(factor, Math.max(0, attempt - 1));
    double millis = Math.min(wait, (double) max.toMillis());
    return Optional.of(Duration.ofMillis(Math.round(millis * (1 + jitter * (2 * random01 - 1)))));
  }
}
