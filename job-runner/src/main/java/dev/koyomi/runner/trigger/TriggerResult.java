package dev.koyomi.runner.trigger;

import dev.koyomi.runner.queue.RunState;
import java.time.LocalDate;

/** How a firing ended, for the exit code and the last line of the log. */
public sealed interface TriggerResult {
  /**
   * This process selected; all targets are enqueued.
   *
   * @param duplicates rows that named a target a second time
   * @param settled targets that were left out, as the run has done or still has them
   */
  record Dispatched(
      long run, LocalDate logicalDate, long selected, long duplicates, long settled, RunState state)
      implements TriggerResult {
    /** Of a run that selected for the first time. */
    public Dispatched(
        long run, LocalDate logicalDate, long selected, long duplicates, RunState state) {
      this(run, logicalDate, selected, duplicates, 0, state);
    }
  }

  /** The occurrence had its run before, or got it from another process while we waited. */
  record AlreadyDispatched(long run, RunState state) implements TriggerResult {}

  /** The run is recorded as skipped. */
  record Skipped(long run, String message) implements TriggerResult {}

  /** The run is Failed and stays so until the definition or the data changes. */
  record Refused(long run, String message) implements TriggerResult {}

  /** Nothing was decided; the same command may succeed later. */
  record TryAgain(String message) implements TriggerResult {}

  /**
   * The selection failed for a reason that may or may not pass.
   *
   * @param state of the run now: Selecting, it waits for who selects next; else it goes on with
   *     what earlier selections of it had found, or is over
   */
  record Failed(long run, String message, RunState state) implements TriggerResult {}
}
