package dev.koyomi.crds.plan;

import java.time.Duration;
import java.util.List;

/** How long a job waits for its next attempt. */
public sealed interface Backoff {
  /**
   * The wait after a failed attempt.
   *
   * @param attempt number of the attempt that failed, from 1
   * @param random01 a random number from 0 to 1, which the jitter is made of
   */
  Duration waitAfter(int attempt, double random01);

  /**
   * Each wait is longer than the one before.
   *
   * @param initial wait before the second attempt
   * @param factor by how much each wait is longer than the one before
   * @param max longest wait, before the jitter
   * @param jitter share by which a wait is made shorter or longer
   */
  record Exponential(Duration initial, double factor, Duration max, double jitter)
      implements Backoff {
    @Override
    public Duration waitAfter(int attempt, double random01) {
      double wait = (double) initial.toMillis() * Math.pow(factor, Math.max(0, attempt - 1));
      return spread(Math.min(wait, (double) max.toMillis()), jitter, random01);
    }
  }

  /**
   * The waits one by one.
   *
   * @param delays the n-th is the wait after the n-th attempt; the last one repeats
   * @param jitter share by which a wait is made shorter or longer
   */
  record Delays(List<Duration> delays, double jitter) implements Backoff {
    public Delays {
      delays = List.copyOf(delays);
      if (delays.isEmpty()) {
        throw new IllegalArgumentException("A backoff by delays has at least one.");
      }
    }

    @Override
    public Duration waitAfter(int attempt, double random01) {
      int place = Math.clamp(attempt - 1L, 0, delays.size() - 1);
      return spread((double) delays.get(place).toMillis(), jitter, random01);
    }
  }

  private static Duration spread(double millis, double jitter, double random01) {
    return Duration.ofMillis(Math.round(millis * (1 + jitter * (2 * random01 - 1))));
  }
}
