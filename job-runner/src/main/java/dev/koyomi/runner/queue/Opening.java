package dev.koyomi.runner.queue;

import java.time.LocalDate;

/** What became of an attempt to open a run. */
public sealed interface Opening {
  /**
   * The run is ours to select, under this token.
   *
   * @param logicalDate the one that was written when the run was first opened
   * @param rest leave out targets of the run that are settled: done, or still in the queue
   * @param cleared jobs of the run that waited, and were cancelled for this selection
   */
  record Select(long run, long token, LocalDate logicalDate, boolean rest, long cleared)
      implements Opening {
    /** Of a run that selects for the first time. */
    public Select(long run, long token, LocalDate logicalDate) {
      this(run, token, logicalDate, false, 0);
    }
  }

  /** Another process, alive, selects for this run. */
  record SelectedByAnother(long run) implements Opening {}

  /** The occurrence has its run: nothing to do. */
  record AlreadyDispatched(long run, RunState state) implements Opening {}

  /** The run was written as skipped, with this reason. */
  record Skipped(long run, String message) implements Opening {}
}
