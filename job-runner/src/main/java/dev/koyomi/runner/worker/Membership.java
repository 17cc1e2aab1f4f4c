package dev.koyomi.runner.worker;

import dev.koyomi.runner.queue.Workers;
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
  private final AtomicLong id = new AtomicLong();

  Membership(Workers workers, String pod, int batchId) {
    this.workers = workers;
    this.pod = pod;
    this.batchId = batchId;
  }

  void join() {
    id.set(workers.join(pod, Workers.Kind.Worker, batchId));
  }

  long id() {
    return id.get();
  }

  /**
   * Says that we live; under a new row when we were declared lost meanwhile: what we held is
   * somebody else's then.
   */
  void beat() {
    long present = id.get();
    if (!workers.heartbeat(present)) {
      join();
      LOG.atWarn()
          .addKeyValue("worker", present)
          .addKeyValue("now", id.get())
          .log(
              "this process was declared lost and has joined anew; jobs that it held are worked"
                  + " elsewhere");
    }
  }

  void leave() {
    workers.leave(id.get());
  }
}
