package dev.koyomi.runner.chaos;

/** Everything that is done to the queue while it works. */
enum Fault {
  KILL("worker killed (-9)"),
  FREEZE("worker frozen past its takeover"),
  CUT("connections cut"),
  SLOW("connections slow"),
  DATABASE_CRASH("database crashed and back"),
  COLLISION("deadlock, serialization failure"),
  CLOCK_JUMP("worker's clock jumps"),
  SPLIT("rest split by its owner"),
  CANCEL_RUN("run cancelled"),
  CANCEL_JOBS("jobs cancelled"),
  PAUSE("paused and resumed"),
  REFRESH("cleared and selected again"),
  REDRIVE("dead jobs retried"),
  DOUBLE_FIRING("fired twice at once"),
  TRIGGER_KILLED("trigger killed while selecting"),
  LOST_AT_COMMIT("session ended between advance and COMMIT"),
  FAILED_AT_COMMIT("error between advance and COMMIT"),
  KILLED_AT_COMMIT("worker killed between advance and COMMIT");

  private final String words;

  Fault(String words) {
    this.words = words;
  }

  String words() {
    return words;
  }
}
