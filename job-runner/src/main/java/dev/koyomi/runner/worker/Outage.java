package dev.koyomi.runner.worker;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
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

  private final AtomicInteger failures = new AtomicInteger();

  /** Notes a failed access and returns the wait before the next one. */
  Duration failed(Exception cause) {
    int before = failures.getAndIncrement();
    if (before == 0) {
      LOG.atWarn()
          .addKeyValue("cause", Objects.requireNonNullElse(cause.getMessage(), cause.toString()))
          .log("the database is away; waiting for it, no attempt is counted");
    }
    Duration wait = FIRST_WAIT.multipliedBy(1L << Math.min(before, 10));
    return wait.compareTo(LONGEST_WAIT) < 0 ? wait : LONGEST_WAIT;
  }

  void succeeded() {
    if (failures.get() > 0 && failures.getAndSet(0) > 0) {
      LOG.info("the database is back");
    }
  }
}
