package dev.koyomi.runner.upkeep;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Every five seconds: say that this process lives, then sweep. A beat that fails is made up for by
 * the next one.
 */
public final class Beat implements AutoCloseable {
  public static final Duration INTERVAL = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(Beat.class);

  private final Jdbi jdbi;
  private final Runnable sayWeLive;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;

  public Beat(Jdbi jdbi, Runnable sayWeLive) {
    this.jdbi = jdbi;
    this.sayWeLive = sayWeLive;
    this.thread = Thread.ofPlatform().name("beat").daemon().unstarted(this::run);
  }

  public Beat start() {
    thread.start();
    return this;
  }

  /** One beat: what the thread does each time. */
  public void runOnce() {
    sayWeLive.run();
    jdbi.useHandle(handle -> handle.execute("select koyomi.sweep()"));
    jdbi.useHandle(handle -> handle.execute("select koyomi.prune()"));
  }

  private void run() {
    try {
      while (!closed.await(INTERVAL.toMillis(), TimeUnit.MILLISECONDS)) {
        try {
          runOnce();
        } catch (RuntimeException e) {
          // The slots say that the database is away; nobody is declared lost meanwhile, for the
          // beats stand still too.
          LOG.atDebug().setCause(e).log("a beat failed; the next one comes in {}", INTERVAL);
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
