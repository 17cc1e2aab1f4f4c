package dev.koyomi.runner.worker;

import dev.koyomi.runner.queue.LeasedSlice;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where a slot's search for ready work begins in each class, so that it does not walk over the dead
 * rows of what ended before: as long as anybody holds a snapshot, these stay.
 *
 * <p>Only a hint: work becomes ready behind it too (given back, freed, a transaction that committed
 * late). So every five seconds one search begins at the start, and one that found nothing is
 * followed by one from the start unless these have become slow.
 */
final class LowWaterMark {
  static final Duration HOLDS = Duration.ofSeconds(5);

  /** Searches from the start, where others found nothing, take this part of the time at most. */
  private static final int PART = 10;

  private final Map<Integer, LeasedSlice.Mark> marks = new TreeMap<>();
  private long fromStartAt;
  private boolean startNext;
  private long rest;

  /** Where to begin the search at this instant of the clock, by class; none: at the start. */
  List<LeasedSlice.Mark> at(long nanoTime) {
    List<LeasedSlice.Mark> from = startNext ? List.of() : look(nanoTime);
    startNext = false;
    return from;
  }

  /**
   * The same for a search that takes nothing: where it begins at the start, so does the next one
   * that takes what this one saw.
   */
  List<LeasedSlice.Mark> look(long nanoTime) {
    if (marks.isEmpty() || nanoTime - fromStartAt > HOLDS.toNanos()) {
      fromStartAt = nanoTime;
      startNext = true;
      return List.of();
    }
    return List.copyOf(marks.values());
  }

  /** Whether a search that found nothing is to be followed by one from the start. */
  boolean again(long nanoTime) {
    if (nanoTime - fromStartAt < rest) {
      return false;
    }
    fromStartAt = nanoTime;
    return true;
  }

  /** A search from the start took so long, in nanoseconds. */
  void took(long nanos) {
    rest = Math.min(HOLDS.toNanos(), PART * nanos);
  }

  /** A search found this slice. */
  void found(LeasedSlice.Mark slice) {
    marks.put(slice.priority(), slice);
  }

  /** At this instant of the clock: the next search begins behind this slice. */
  void passOver(LeasedSlice.Mark slice, long nanoTime) {
    found(new LeasedSlice.Mark(slice.priority(), slice.due(), slice.id() + 1));
    fromStartAt = nanoTime;
  }
}
