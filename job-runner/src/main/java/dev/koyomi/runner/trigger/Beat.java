package dev.koyomi.runner.trigger;

import dev.koyomi.runner.queue.Upkeep;
import dev.koyomi.runner.queue.Workers;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * As often as the queue wants, five seconds as it is made, while it selects or waits: say that this
 * process lives, then sweep. A beat that fails is made up for by the next one.
 */
final class Beat implements AutoCloseable {
  /** Where the queue could not be asked. */
  private static final Duration USUAL = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(Beat.class);

  private final Jdbi jdbi;
  private final Runnable sayWeLive;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;

  Beat(Jdbi jdbi, Runnable sayWeLive) {
    this.jdbi = jdbi;
    this.sayWeLive = sayWeLive;
    this.thread = Thread.ofPlatform().name("beat").daemon().unstarted(this::run);
  }

  Beat start() {
    thread.start();
    return this;
  }

  /** One beat: what the thread does each time. */
  void runOnce() throws SQLException {
    sayWeLive.run();
    jdbi.useHandle(handle -> Upkeep.sweep(handle.getConnection()));
  }

  private Duration interval() {
    try {
      return jdbi.withHandle(handle -> Workers.beatEvery(handle.getConnection()));
    } catch (RuntimeException | SQLException e) {
      LOG.atDebug().setCause(e).log("the time between two beats is taken for {}", USUAL);
      return USUAL;
    }
  }

  private void run() {
    Duration interval = interval();
    try {
      while (!closed.await(interval.toMillis(), TimeUnit.MILLISECONDS)) {
        try {
          runOnce();
        } catch (RuntimeException | SQLException e) {
          // The selection says that the database is away; nobody is declared lost meanwhile, for
          // the beats stand still too.
          LOG.atDebug().setCause(e).log("a beat failed; the next one comes in {}", interval);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    thread.interrupt();
  }
}
