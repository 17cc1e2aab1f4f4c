package dev.koyomi.runner.worker;

import dev.koyomi.runner.queue.Workers;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This process's worker row: who we are to the queue, for as long as the queue believes that we
 * live.
 */
final class Membership {
  private static final Logger LOG = LoggerFactory.getLogger(Membership.class);

  private final Workers workers;
  private final String pod;
  private final int batchId;
  private final Hindrance hindrance;
  private final AtomicLong id = new AtomicLong();

  /** What the row says: whether enqueuers are to wake this process. */
  private final AtomicBoolean saidIdle = new AtomicBoolean();

  private final AtomicBoolean wasIdle = new AtomicBoolean();
  private boolean left;

  Membership(Workers workers, String pod, int batchId, Hindrance hindrance) {
    this.workers = workers;
    this.pod = pod;
    this.batchId = batchId;
    this.hindrance = hindrance;
  }

  void join(Connection connection) throws SQLException {
    id.set(Workers.join(connection, pod, Workers.Kind.Worker, batchId));
    saidIdle.set(false);
  }

  long id() {
    return id.get();
  }

  /**
   * A slot has nothing to do.
   *
   * @return whether the queue was told just now, so that the slot must look once more
   */
  boolean idle(Connection connection) throws SQLException {
    wasIdle.set(true);
    if (saidIdle.getAndSet(true)) {
      return false;
    }
    Workers.heartbeat(connection, id.get(), 1, hindrance.what());
    return true;
  }

  /**
   * Says that we live; under a new row when we were declared lost meanwhile: what we held is
   * somebody else's then.
   *
   * @param idleSlots slots that wait at this moment
   */
  synchronized void beat(Connection connection, int idleSlots) throws SQLException {
    if (left) {
      return;
    }
    // Idle since the last beat counts as idle: one who is enqueued for now and then is to be woken.
    int idle = wasIdle.getAndSet(idleSlots > 0) ? Math.max(1, idleSlots) : idleSlots;
    saidIdle.set(idle > 0);
    long present = id.get();
    if (!Workers.heartbeat(connection, present, idle, hindrance.what())) {
      join(connection);
      LOG.atWarn()
          .addKeyValue("worker", present)
          .addKeyValue("now", id.get())
          .log(
              "this process was declared lost and has joined anew; jobs that it held are worked"
                  + " elsewhere");
    }
  }

  /** From now on this worker leases nothing; should it be killed, no job is to blame. */
  void drain() {
    workers.drain(id.get());
  }

  /** From now on no late heartbeat joins anew. */
  synchronized void leave() {
    left = true;
    workers.leave(id.get());
  }
}
