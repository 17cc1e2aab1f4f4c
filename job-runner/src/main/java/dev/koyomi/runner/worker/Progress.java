package dev.koyomi.runner.worker;

import java.util.concurrent.atomic.LongAdder;

/** How many jobs this process has done. */
final class Progress {
  private final LongAdder jobs = new LongAdder();

  void done(int more) {
    jobs.add(more);
  }

  long jobs() {
    return jobs.sum();
  }
}
