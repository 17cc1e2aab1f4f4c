package dev.koyomi.runner.worker;

import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What the Units of this process could not reach lately, for people who ask why jobs wait. */
final class Hindrance {
  private final Duration kept;
  private final LongSupplier nanoTime;
  private volatile @Nullable Seen seen;

  private record Seen(String what, long at) {}

  /**
   * @param kept how long one is told of that was not met again
   */
  Hindrance(Duration kept, LongSupplier nanoTime) {
    this.kept = kept;
    this.nanoTime = nanoTime;
  }

  void met(String what) {
    seen = new Seen(what, nanoTime.getAsLong());
  }

  /** A Unit reached what it needs. */
  void gone() {
    if (seen != null) {
      seen = null;
    }
  }

  /** Null: nothing that is known. */
  @Nullable String what() {
    Seen present = seen;
    return present == null || nanoTime.getAsLong() - present.at > kept.toNanos()
        ? null
        : present.what;
  }
}
