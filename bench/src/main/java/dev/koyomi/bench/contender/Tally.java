package dev.koyomi.bench.contender;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/** When each job started, and how many have ended; no job is to start twice. */
public final class Tally {
  private final int jobs;
  private final AtomicLongArray starts;
  private final AtomicLong first = new AtomicLong();
  private final AtomicInteger ended = new AtomicInteger();
  private final AtomicInteger again = new AtomicInteger();

  public Tally(int jobs) {
    this.jobs = jobs;
    this.starts = new AtomicLongArray(jobs + 1);
  }

  void started(int id) {
    long now = System.nanoTime();
    first.compareAndSet(0, now);
    if (!starts.compareAndSet(id, 0, now)) {
      again.incrementAndGet();
    }
  }

  void ended() {
    ended.incrementAndGet();
  }

  public int endedJobs() {
    return ended.get();
  }

  /** When the first of all jobs started, by {@link System#nanoTime}; 0 before. */
  public long firstStart() {
    return first.get();
  }

  /** When a job started; 0 before. */
  public long start(int id) {
    return starts.get(id);
  }

  /** What is not as it has to be at the end. */
  public Optional<String> wrong() {
    return ended.get() == jobs && again.get() == 0
        ? Optional.empty()
        : Optional.of(
            "%d runs ended for %d jobs, %d started again"
                .formatted(ended.get(), jobs, again.get()));
  }
}
