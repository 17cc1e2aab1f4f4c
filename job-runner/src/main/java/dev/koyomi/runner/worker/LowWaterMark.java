package dev.koyomi.runner.worker;

import java.time.Duration;

/**
 * Where a slot's search for ready work begins, so that it does not walk over the dead rows of what
 * ended before.
 *
 * <p>Only a hint: work becomes ready behind it too (given back, freed, a transaction that committed
 * late), so every five seconds one search begins at the start.
 */
final class LowWaterMark {
  static final Duration HOLDS = Duration.ofSeconds(5);

  private long mark;
  private long since;

  /** Number of the slice from which on to search, at this instant of the clock. */
  long at(long nanoTime) {
    if (nanoTime - since > HOLDS.toNanos()) {
      mark = 0;
    }
    if (mark == 0) {
      since = nanoTime;
    }
    return mark;
  }

  /** A search found this slice. */
  void found(long slice) {
    mark = slice;
  }

  /** A search found nothing: the next one begins at the start. */
  void foundNothing() {
    mark = 0;
  }
}
