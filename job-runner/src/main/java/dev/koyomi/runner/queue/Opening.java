package dev.koyomi.runner.queue;

import java.time.LocalDate;

/** What became of an attempt to open a run. */
public sealed interface Opening {
  /**
   * The run is ours to select, under this token; the logical date is the one that was written when
   * it was first opened.
   */
  record Select(long run, long token, LocalDate logicalDate) implements Opening {}

  /** Another process, alive, selects for this run. */
  record SelectedByAnother(long run) implements Opening {}

  /** The occurrence has its run: nothing to do. */
  record AlreadyDispatched(long run, RunState state) implements Opening {}

  /** The run was written as skipped, with this reason. */
  record Skipped(long run, String message) implements Opening {}
}
