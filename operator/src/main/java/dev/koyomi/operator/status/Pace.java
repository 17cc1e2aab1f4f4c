package dev.koyomi.operator.status;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * When a change of the counts is told: at once when a run begins or ends, else at most every half
 * minute.
 */
public final class Pace {
  private static final Duration APART = Duration.ofSeconds(30);

  private Pace() {}

  /** What was told last, and when. */
  public record Told(Observed observed, Instant at) {}

  /** Whether {@code now} is to be told. */
  public static boolean due(Optional<Told> last, Observed seen, Instant now) {
    if (last.isEmpty()) {
      return true;
    }
    Told told = last.get();
    return !seen.equals(told.observed())
        && (seen.turnsFrom(told.observed()) || !now.isBefore(told.at().plus(APART)));
  }
}
