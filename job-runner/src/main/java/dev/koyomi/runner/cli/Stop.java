package dev.koyomi.runner.cli;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The end that somebody asks for from outside, by SIGTERM or Ctrl-C. What was opened is closed in
 * reverse order before the process ends.
 */
final class Stop implements AutoCloseable {
  private final CountDownLatch requested = new CountDownLatch(1);
  private final Deque<AutoCloseable> opened = new ArrayDeque<>();
  private final Thread hook = new Thread(this::closeAll, "stop");

  private Stop() {}

  static Stop install() {
    Stop stop = new Stop();
    Runtime.getRuntime().addShutdownHook(stop.hook);
    return stop;
  }

  /** Closes the resource when the stop comes. */
  synchronized void closeAtStop(AutoCloseable resource) {
    opened.push(resource);
  }

  /** Waits the given time; true when the stop came meanwhile. */
  boolean await(Duration duration) throws InterruptedException {
    return requested.await(duration.toMillis(), TimeUnit.MILLISECONDS);
  }

  /**
   * Leaves everything to the stop when it has come: the caller waits here for the end of the
   * process.
   */
  void yieldTo() throws InterruptedException {
    if (requested.getCount() == 0) {
      new CountDownLatch(1).await();
    }
  }

  private synchronized void closeAll() {
    requested.countDown();
    for (AutoCloseable resource : opened) {
      try {
        resource.close();
      } catch (Exception failed) {
        // The others are to be closed all the same, and the process ends anyhow.
        System.err.println("koyomi: while stopping: " + failed);
      }
    }
  }

  /** From now on a stop closes nothing here: the command has ended by itself. */
  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException stopping) {
      // The hook runs already.
    }
  }
}
