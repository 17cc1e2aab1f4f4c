package dev.koyomi.runner.worker;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Where idle slots wait. One of them is the scout and comes back after the given time to look for
 * work; the others sleep until the scout has found some, so that an idle process asks the database
 * as often as one slot does.
 */
final class Lookout {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean scouting;
  private boolean closed;
  private long news;

  /**
   * Waits for work: at most the given time for the scout, until there is news for everybody else.
   */
  void awaitNews(Duration atMost) throws InterruptedException {
    lock.lock();
    try {
      long seen = news;
      boolean scout = !scouting;
      scouting = true;
      long nanos = atMost.toNanos();
      while (news == seen && !closed && (!scout || nanos > 0)) {
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
      }
    } finally {
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
      changed.signalAll();
    } finally {
      lock.unlock();
    }
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
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }
}
