package dev.koyomi.runner.queue;

/** States of a run, as stored. */
public enum RunState {
  Selecting,
  Running,
  Succeeded,
  PartiallyFailed,
  Failed,
  Cancelled,
  Skipped;

  /** Whether something of the run is still to come. */
  public boolean open() {
    return this == Selecting || this == Running;
  }
}
