package dev.koyomi.runner.worker;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * Where idle slots wait. One of them is the scout and comes back after the given time to look for
 * work; the others sleep until the scout has found some, so that an idle process asks the database
 * as often as one slot does.
 */
final class Lookout {
  private final LongSupplier nanoTime;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean scouting;
  private volatile boolean closed;
  private boolean called;
  private long news;
  private final AtomicInteger idle = new AtomicInteger();
  private volatile long lookAt = Long.MIN_VALUE;

  Lookout(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * Waits for work: at most the given time for the scout, until there is news for everybody else.
   *
   * @param idle it would work if there were any; false: it may not, whatever there is
   */
  void awaitNews(Duration atMost, boolean idle) throws InterruptedException {
    lock.lock();
    long seen = news;
    try {
      if (idle) {
        this.idle.incrementAndGet();
      }
      boolean scout = !scouting;
      scouting = true;
      long nanos = atMost.toNanos();
      while (news == seen && !closed && !(scout && (nanos <= 0 || called))) {
        if (scout) {
          nanos = changed.awaitNanos(nanos);
        } else {
          changed.await(1, TimeUnit.MINUTES);
          scout = !scouting;
          scouting = true;
        }
      }
      if (scout) {
        scouting = false;
        called = false;
      }
    } finally {
      if (idle && news == seen) {
        this.idle.decrementAndGet();
      }
      lock.unlock();
    }
  }

  /** Waits the given time, less when this is closed meanwhile. */
  void awaitClose(Duration atMost) throws InterruptedException {
    lock.lock();
    try {
      long nanos = atMost.toNanos();
      while (!closed && nanos > 0) {
        nanos = changed.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }

  /** There is work, or the state of affairs has changed: everybody looks. */
  void announce() {
    lock.lock();
    try {
      news++;
      // From now on nobody has nothing to do until it has looked.
      idle.set(0);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** There may be work: the scout looks, and calls the others if there is more. */
  void call() {
    lock.lock();
    try {
      called = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Something has changed for those who work too: they look whether they should go on. */
  void lookAgain() {
    lookAt = nanoTime.getAsLong();
  }

  /** Whether {@link #lookAgain} was called after that time. */
  boolean lookAgainSince(long nanos) {
    return lookAt != Long.MIN_VALUE && lookAt - nanos > 0;
  }

  /** Slots that have nothing to do. */
  int idle() {
    return idle.get();
  }

  /** From now on nobody waits here. */
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean closed() {
    return closed;
  }
}
