package dev.koyomi.runner.worker;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.unit.SqlUnit;
import dev.koyomi.runner.unit.UnitTransaction;
import dev.koyomi.runner.upkeep.Beat;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The slots of one process, its heartbeat, and the drain at its end. */
public final class WorkerProcess implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerProcess.class);

  /**
   * Beyond its Unit's timeout a slot has this long to come round before the process counts as
   * stuck.
   */
  private static final Duration STUCK_AFTER = Duration.ofSeconds(60);

  private final Plan plan;
  private final Lookout lookout = new Lookout();
  private final Membership membership;
  private final Beat beat;
  private final LongSupplier nanoTime;
  private final List<Slot> slots = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicBoolean stopped = new AtomicBoolean();

  /**
   * @param database needs a connection for each of {@code spec.workers.concurrency} slots and one
   *     for the heartbeat
   * @param batchId the registered batch that is worked
   */
  public WorkerProcess(
      DataSource database,
      Plan plan,
      int batchId,
      String pod,
      EndRule endRule,
      LongSupplier nanoTime) {
    this.plan = plan;
    this.nanoTime = nanoTime;
    Jdbi jdbi = Jdbi.create(database);
    RandomGenerator random = new java.security.SecureRandom();
    Slices slices = new Slices();
    this.membership = new Membership(new Workers(jdbi), pod, batchId);
    this.beat = new Beat(jdbi, membership::beat);
    Execution execution =
        new Execution(
            new UnitTransaction(
                new SqlUnit(plan.unit().sql(), plan.unit().timeout()),
                plan.unit().timeout(),
                nanoTime),
            slices,
            plan.job().retry(),
            random);
    Slot.Shared shared =
        new Slot.Shared(
            database,
            slices,
            random,
            batchId,
            membership,
            execution,
            lookout,
            new Outage(),
            endRule,
            plan.unit().timeout(),
            nanoTime);
    for (int i = 1; i <= plan.workers().concurrency(); i++) {
      Slot slot = new Slot(shared);
      slots.add(slot);
      threads.add(Thread.ofPlatform().name("slot-" + i).unstarted(slot));
    }
  }

  /** Joins the queue, sweeps once and starts the slots. */
  public WorkerProcess start() {
    membership.join();
    beat.runOnce();
    beat.start();
    threads.forEach(Thread::start);
    LOG.atInfo()
        .addKeyValue("batch", plan.batch())
        .addKeyValue("worker", membership.id())
        .addKeyValue("slots", threads.size())
        .log("worker started");
    return this;
  }

  /** Waits until all slots have gone home by the end rule or a stop. */
  public void awaitEnd() throws InterruptedException {
    for (Thread thread : threads) {
      thread.join();
    }
  }

  /** Whether every slot moved lately or waits for work: what the liveness probe asks. */
  public boolean moving() {
    Duration longest = plan.unit().timeout().plus(STUCK_AFTER);
    return stopped.get() || slots.stream().allMatch(slot -> slot.movedWithin(longest));
  }

  /**
   * Takes no more jobs, lets running Units end within {@code spec.workers.stopWithin} and gives the
   * rest back.
   */
  @Override
  public void close() {
    if (stopped.getAndSet(true)) {
      return;
    }
    lookout.close();
    long deadline = nanoTime.getAsLong() + plan.workers().stopWithin().toNanos();
    boolean drained = true;
    try {
      for (Thread thread : threads) {
        drained &= thread.join(Duration.ofNanos(Math.max(1, deadline - nanoTime.getAsLong())));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    beat.close();
    leave(drained);
  }

  private void leave(boolean drained) {
    try {
      membership.leave();
      LOG.atInfo()
          .addKeyValue("worker", membership.id())
          .addKeyValue("drained", drained)
          .log("worker stopped");
    } catch (RuntimeException e) {
      LOG.atWarn()
          .addKeyValue("worker", membership.id())
          .setCause(e)
          .log(
              "could not tell the queue that this worker stopped; it will be declared lost in half"
                  + " a minute");
    }
  }
}
