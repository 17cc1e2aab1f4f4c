package dev.koyomi.runner.worker;

import dev.koyomi.runner.db.Fault;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this process knows of the database being away: says so once, says once that it is back, and
 * how long to wait.
 */
final class Outage {
  private static final Logger LOG = LoggerFactory.getLogger(Outage.class);
  private static final Duration FIRST_WAIT = Duration.ofMillis(250);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(10);

  private int failures;
  private long succeededAt = Long.MIN_VALUE;

  /**
   * Notes a failed access and returns the wait before the next one.
   *
   * @param since when what failed had begun, in {@code System.nanoTime()}: a failure that began
   *     before another slot succeeded is an echo of the outage that is over
   */
  synchronized Duration failed(Exception cause, long since) {
    if (succeededAt != Long.MIN_VALUE && since - succeededAt < 0) {
      return FIRST_WAIT;
    }
    if (failures == 0) {
      Fault fault = Fault.of(cause).orElseGet(() -> new Fault.Other(cause.toString()));
      LOG.atWarn()
          .addKeyValue("cause", fault.sentence())
          .log(
              fault instanceof Fault.TryAgain
                  ? "the queue cannot be used; waiting for it, no attempt is counted"
                  : "the queue refuses what this worker asks; trying again, no attempt is counted");
    }
    Duration wait = FIRST_WAIT.multipliedBy(1L << Math.min(failures, 10));
    failures++;
    return wait.compareTo(LONGEST_WAIT) < 0 ? wait : LONGEST_WAIT;
  }

  /** Notes that the database answered, at a time in {@code System.nanoTime()}. */
  synchronized void succeeded(long at) {
    succeededAt = at;
    if (failures > 0) {
      failures = 0;
      LOG.info("the queue can be used again");
    }
  }
}
