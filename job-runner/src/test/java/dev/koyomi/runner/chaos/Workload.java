package dev.koyomi.runner.chaos;

import java.util.Random;

/** What a batch of an episode is like. */
record Workload(Mode mode, String commit, int targets, boolean stopsLanes, String limits) {
  enum Mode {
    Unordered,
    Fifo,
    FifoByKey
  }

  static Workload random(Random random) {
    // Not nextBoolean: the first of neighbouring seeds is the same.
    Mode mode =
        switch (random.nextInt(6)) {
          case 0 -> Mode.Fifo;
          case 1, 2 -> Mode.FifoByKey;
          default -> Mode.Unordered;
        };
    String commit =
        switch (random.nextInt(4)) {
          case 0 -> "{mode: Many, jobs: 7}";
          case 1 -> "{mode: Chunk}";
          default -> "{mode: Each}";
        };
    String limits =
        switch (random.nextInt(6)) {
          case 0 -> "{concurrency: 5}";
          case 1 -> "{rate: 600/s}";
          default -> "{}";
        };
    return new Workload(
        mode,
        commit,
        mode == Mode.Unordered ? 3000 : 600,
        random.nextInt(3) == 0,
        commit.contains("Chunk") ? "{}" : limits);
  }

  boolean ordered() {
    return mode != Mode.Unordered;
  }

  String manifest() {
    String order =
        switch (mode) {
          case Unordered -> "{mode: Unordered}";
          case Fifo -> "{mode: Fifo, onDead: Continue}";
          case FifoByKey ->
              "{mode: FifoByKey, lanes: 8, onDead: %s}"
                  .formatted(stopsLanes ? "StopLane" : "Continue");
        };
    String unit =
        commit.contains("Chunk")
            ? "SELECT work(job.n, job.day) FROM koyomi.jobs() AS job(n int, day date)"
            : "SELECT work(:n, :day)";
    return """
    apiVersion: koyomi.dev/v1alpha1
    kind: BatchSchedule
    metadata: {name: work, namespace: chaos}
    spec:
      overlap: {policy: Allow}
      trigger:
        sql: SELECT n AS key, n, :logicalDate AS day FROM target WHERE slow_select(n) ORDER BY n
        timeout: 20s
      job:
        order: %s
        limits: %s
        retry: {maxAttempts: 2, backoff: {initial: 20ms, max: 100ms}, onLost: 50}
      unit:
        sql: %s
        commit: %s
        timeout: 5s
      workers: {concurrency: 4, stopWithin: 20s}
    """
        .formatted(order, limits, unit, commit);
  }

  @Override
  public String toString() {
    return "%s %s%s%s"
        .formatted(
            mode,
            commit,
            stopsLanes && mode == Mode.FifoByKey ? " StopLane" : "",
            limits.equals("{}") ? "" : " " + limits);
  }
}
