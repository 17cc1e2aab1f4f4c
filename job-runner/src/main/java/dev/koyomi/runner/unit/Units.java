package dev.koyomi.runner.unit;

import dev.koyomi.runner.queue.LeasedSlice;
import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;

/** The batch's Unit on one connection: does jobs of a slice, each exactly once. */
public interface Units {
  /** Whether leased slices must come with their values. */
  boolean needsValues();

  /** Jobs of a slice. */
  record Range(LeasedSlice slice, int from, int to) {
    int size() {
      return to - from;
    }

    Range with(int newFrom, int newTo) {
      return new Range(slice, newFrom, newTo);
    }
  }

  /**
   * Works jobs of the range in order, from its first, and returns after about a second at the
   * latest, or when one failed.
   *
   * @param until by the database's clock: no job begins after it; null: no limit
   * @param moved called after each transaction, also one that failed: the next may take as long
   */
  Stride run(Range range, @Nullable OffsetDateTime until, Runnable moved);

  /** The same where nobody watches. */
  default Stride run(Range range, @Nullable OffsetDateTime until) {
    return run(range, until, () -> {});
  }
}
