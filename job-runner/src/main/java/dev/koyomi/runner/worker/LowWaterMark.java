package dev.koyomi.runner.worker;

import dev.koyomi.runner.queue.LeasedSlice;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where a slot's search for ready work begins, so that it does not walk over the dead rows of what
 * ended before.
 *
 * <p>Only a hint: work becomes ready behind it too (given back, freed, a transaction that committed
 * late), so every five seconds one search begins at the start.
 */
final class LowWaterMark {
  static final Duration HOLDS = Duration.ofSeconds(5);

  private LeasedSlice.@Nullable Mark mark;
  private long since;

  /** Where to begin the search at this instant of the clock; null: at the start. */
  LeasedSlice.@Nullable Mark at(long nanoTime) {
    if (nanoTime - since > HOLDS.toNanos()) {
      mark = null;
    }
    if (mark == null) {
      since = nanoTime;
    }
    return mark;
  }

  /** A search found this slice. */
  void found(LeasedSlice.Mark slice) {
    mark = slice;
  }

  /** At this instant of the clock: the next search begins behind this slice. */
  void passOver(LeasedSlice.Mark slice, long nanoTime) {
    mark = new LeasedSlice.Mark(slice.priority(), slice.due(), slice.id() + 1);
    since = nanoTime;
  }

  /** A search found nothing: the next one begins at the start. */
  void foundNothing() {
    mark = null;
  }
}
