package dev.koyomi.runner.worker;

import java.util.function.LongSupplier;

/**
 * A clock for intervals that goes on where the one behind it is set back, as that of a virtual
 * machine may be: by the other one nothing would be due before it has caught up, no heartbeat
 * either.
 */
final class SteadyClock implements LongSupplier {
  private final LongSupplier nanoTime;
  private long seen;
  private long added;

  /**
   * @param nanoTime as {@code System.nanoTime()}
   */
  SteadyClock(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.seen = nanoTime.getAsLong();
  }

  @Override
  public synchronized long getAsLong() {
    long now = nanoTime.getAsLong();
    if (now - seen < 0) {
      added += seen - now;
    }
    seen = now;
    return now + added;
  }
}
