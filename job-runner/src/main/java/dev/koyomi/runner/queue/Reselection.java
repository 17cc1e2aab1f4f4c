package dev.koyomi.runner.queue;

/** How a run selects once more, at a person's request. */
public enum Reselection {
  /** Takes whatever the trigger selects, also what the run has done. */
  Everything,
  /** Leaves out what the run has done and what is still in the queue. */
  Rest,
  /** Cancels what waits of the run, then takes the rest. */
  Refresh;

  boolean leavesOutSettled() {
    return this != Everything;
  }
}
