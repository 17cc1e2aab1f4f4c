package dev.koyomi.operator.database;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Lets a watch look again and again, until nobody needs it. */
final class QueueLoop implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(QueueLoop.class);

  private final QueueWatch watch;
  private final Duration interval;
  private final Predicate<QueueLoop> needed;
  private final CountDownLatch looked = new CountDownLatch(1);
  private final CountDownLatch stopped = new CountDownLatch(1);

  QueueLoop(QueueWatch watch, Duration interval, Predicate<QueueLoop> needed) {
    this.watch = watch;
    this.interval = interval;
    this.needed = needed;
  }

  QueueWatch watch() {
    return watch;
  }

  void start() {
    Thread.ofVirtual().name("queue of " + watch.address()).start(this::run);
  }

  void awaitFirstLook() throws InterruptedException {
    looked.await();
  }

  private void run() {
    try {
      do {
        lookOnce();
        looked.countDown();
      } while (!stopped.await(interval.toMillis(), TimeUnit.MILLISECONDS) && stillNeeded());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      watch.close();
    }
  }

  private void lookOnce() {
    try {
      watch.runOnce();
    } catch (RuntimeException e) {
      // The loop must outlive what nobody thought of: with it, every status in this database would
      // stand still.
      log.error("Looking at the queue in {} failed; it is tried again", watch.address(), e);
      watch.lookFailed();
    }
  }

  private boolean stillNeeded() {
    try {
      return needed.test(this);
    } catch (RuntimeException e) {
      log.error(
          "Whether the queue in {} is still needed cannot be said; it is", watch.address(), e);
      return true;
    }
  }

  @Override
  public void close() {
    stopped.countDown();
  }
}
