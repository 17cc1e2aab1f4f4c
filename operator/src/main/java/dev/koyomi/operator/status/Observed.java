package dev.koyomi.operator.status;

import dev.koyomi.crds.BatchScheduleStatus.LastRun;
import dev.koyomi.crds.BatchScheduleStatus.Queue;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * What the queue says about a batch.
 *
 * @param lastRun the newest run
 * @param queue jobs of all its runs
 */
public record Observed(Optional<Run> lastRun, Queue queue) {
  private static final Set<String> OPEN = Set.of("Selecting", "Running");

  /**
   * A run with its number and its attempt, which tell it from an earlier one and an earlier life.
   */
  public record Run(long id, int attempt, LastRun shown) {
    boolean open() {
      return shown.state() != null && OPEN.contains(shown.state());
    }
  }

  /** Whether a run began or ended between the two: worth telling at once. */
  boolean turnsFrom(Observed earlier) {
    return !lastRun.map(Run::id).equals(earlier.lastRun.map(Run::id))
        || !lastRun.map(Run::attempt).equals(earlier.lastRun.map(Run::attempt))
        || !Objects.equals(
            lastRun.map(run -> run.shown().state()),
            earlier.lastRun.map(run -> run.shown().state()));
  }
}
