package dev.koyomi.runner.chaos;

/** Everything that is done to the queue while it works. */
enum Fault {
  KILL("worker killed (-9)", 2),
  FREEZE("worker frozen past its takeover", 2),
  CUT("connections cut", 2),
  SLOW("connections slow", 2),
  DATABASE_CRASH("database crashed and back", 1),
  COLLISION("deadlock, serialization failure", 0),
  CLOCK_JUMP("worker's clock jumps", 3),
  SPLIT("rest split by its owner", 0),
  CANCEL_RUN("run cancelled", 1),
  CANCEL_JOBS("jobs cancelled", 1),
  PAUSE("paused and resumed", 1),
  REFRESH("cleared and selected again", 5),
  REDRIVE("dead jobs retried", 12),
  DOUBLE_FIRING("fired twice at once", 5),
  TRIGGER_KILLED("trigger killed while selecting (-9)", 5),
  TRIGGER_FROZEN("trigger frozen past its takeover", 4),
  LOST_AT_COMMIT("session ended between advance and COMMIT", 0),
  FAILED_AT_COMMIT("error between advance and COMMIT", 0),
  KILLED_AT_COMMIT("worker killed between advance and COMMIT", 2);

  private final String words;
  private final int tries;

  /**
   * @param tries how often it is tried, compared with the others; none: it happens by itself, at
   *     the rates of the table failpoint
   */
  Fault(String words, int tries) {
    this.words = words;
    this.tries = tries;
  }

  String words() {
    return words;
  }

  int tries() {
    return tries;
  }

  /** Of triggers, who have a hand of their own: starting one takes as long as many other faults. */
  boolean atTriggers() {
    return this == DOUBLE_FIRING || this == TRIGGER_KILLED || this == TRIGGER_FROZEN;
  }

  /** Where a transaction has all its writes, the step of the cursor too, and is not committed. */
  boolean atCommit() {
    return this == LOST_AT_COMMIT || this == FAILED_AT_COMMIT || this == KILLED_AT_COMMIT;
  }
}
