package dev.koyomi.runner.worker;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * Where idle slots wait. The one that came last is the scout and comes back after the given time to
 * look for work; the others sleep until a scout has found some, so that an idle process asks the
 * database as often as one slot does. Who came last has worked last: its session has the plans.
 */
final class Lookout {
  private final LongSupplier nanoTime;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition closing = lock.newCondition();

  /** Those who wait, the scout first. */
  private final Deque<Condition> waiting = new ArrayDeque<>();

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
    Condition mine = lock.newCondition();
    waiting.push(mine);
    try {
      if (idle) {
        this.idle.incrementAndGet();
      }
      long nanos = atMost.toNanos();
      while (news == seen && !closed) {
        if (!mine.equals(waiting.peek())) {
          mine.await(1, TimeUnit.MINUTES);
        } else if (nanos > 0 && !called) {
          nanos = mine.awaitNanos(nanos);
        } else {
          called = false;
          break;
        }
      }
    } finally {
      waiting.remove(mine);
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
        nanos = closing.awaitNanos(nanos);
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
      waiting.forEach(Condition::signal);
    } finally {
      lock.unlock();
    }
  }

  /** There may be work: the scout looks, and calls the others if there is more. */
  void call() {
    lock.lock();
    try {
      called = true;
      if (!waiting.isEmpty()) {
        waiting.peek().signal();
      }
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
      waiting.forEach(Condition::signal);
      closing.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean closed() {
    return closed;
  }
}
