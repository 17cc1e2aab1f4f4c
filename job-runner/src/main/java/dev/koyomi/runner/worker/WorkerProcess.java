package dev.koyomi.runner.worker;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.unit.SqlUnits;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The slots of one process, its heartbeat, and the drain at its end. */
public final class WorkerProcess implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerProcess.class);

  private final Plan plan;
  private final Settings settings;
  private final Lookout lookout;
  private final Membership membership;
  private final Heart heart;
  private final Watchdog watchdog;
  private final Recycling recycling;
  private final LongSupplier nanoTime;
  private final List<Slot> slots = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final Duration stuckAfter;
  private final AtomicBoolean draining = new AtomicBoolean();
  private final AtomicBoolean stopped = new AtomicBoolean();
  private final AtomicBoolean hung = new AtomicBoolean();

  /**
   * What is not the batch's to say.
   *
   * @param pod name of this process to people
   * @param compile whether Units may become procedures where the server allows it
   * @param beat between two heartbeats, at most: less where the queue wants it
   * @param grace between two steps against a Unit that hangs
   * @param breaker wait before jobs are tried again whose Unit cannot reach what it needs
   * @param slots makes a thread for each slot
   */
  public record Settings(
      String pod,
      EndRule endRule,
      boolean compile,
      Duration beat,
      Duration grace,
      Duration breaker,
      ThreadFactory slots) {
    /** Slots are threads of the platform: bench/README.md has what virtual ones would be. */
    public Settings(String pod, EndRule endRule, boolean compile, Duration beat, Duration grace) {
      this(
          pod,
          endRule,
          compile,
          beat,
          grace,
          Duration.ofSeconds(10),
          Thread.ofPlatform().name("slot-", 1).factory());
    }

    public static Settings usual(String pod, EndRule endRule) {
      return new Settings(pod, endRule, true, Duration.ofSeconds(5), Duration.ofSeconds(10));
    }
  }

  /**
   * @param database pool with a connection for each of {@code spec.workers.concurrency} slots
   * @param batchId the registered batch that is worked
   */
  public WorkerProcess(
      Database database, Plan plan, int batchId, Settings settings, LongSupplier clock) {
    this.plan = plan;
    this.settings = settings;
    LongSupplier nanoTime = new SteadyClock(clock);
    this.nanoTime = nanoTime;
    this.lookout = new Lookout(nanoTime);
    RandomGenerator random = new SecureRandom();
    SqlUnits units = new SqlUnits(plan.unit(), settings.compile, nanoTime);
    Slices slices = new Slices(units.needed());
    Hindrance hindrance = new Hindrance(settings.breaker.multipliedBy(3), nanoTime);
    this.membership =
        new Membership(new Workers(database.jdbi()), settings.pod, batchId, hindrance);
    Progress progress = new Progress();
    this.recycling =
        new Recycling(plan.workers().recycle(), progress, nanoTime, Recycling::residentMemory);
    Leases leases = new Leases();
    this.heart =
        new Heart(
            database,
            membership,
            on -> giveBackOthers(slices, on, leases),
            batchId,
            lookout,
            settings.beat,
            this::tick,
            nanoTime);
    Plan.Rate rate = plan.job().limits().rate();
    @Nullable Integer most = plan.job().limits().concurrency();
    Slot.Shared shared =
        new Slot.Shared(
            database,
            slices,
            random,
            batchId,
            plan.batch().toString(),
            membership,
            units,
            new SliceWork.Shared(
                slices,
                plan.job().retry(),
                random,
                batchId,
                new PermitSize(rate == null ? 500 : Math.clamp(rate.jobs() / 20, 1, 500)),
                most == null ? Integer.MAX_VALUE : most - 1,
                lookout,
                progress,
                new Breaks(),
                hindrance,
                settings.breaker),
            lookout,
            new Outage(),
            settings.endRule,
            leases,
            nanoTime);
    for (int i = 1; i <= plan.workers().concurrency(); i++) {
      Slot slot = new Slot(shared, i);
      slots.add(slot);
      threads.add(settings.slots.newThread(slot));
    }
    Duration longest = units.longestTransaction();
    this.watchdog = new Watchdog(slots, longest, settings.grace, this::giveUp, nanoTime);
    this.stuckAfter = longest.plus(settings.grace.multipliedBy(6));
  }

  /** Joins the queue, sweeps once and starts the slots. */
  public WorkerProcess start() throws SQLException {
    heart.start();
    threads.forEach(Thread::start);
    LOG.atInfo()
        .addKeyValue("batch", plan.batch())
        .addKeyValue("worker", membership.id())
        .addKeyValue("slots", threads.size())
        .log("worker started");
    return this;
  }

  private void giveBackOthers(Slices slices, Connection connection, Leases leases)
      throws SQLException {
    // Not at each beat of a process that never lost one: the search is long while somebody's
    // snapshot is held.
    if (!leases.mayBeMore()) {
      return;
    }
    int others = slices.giveBackOthers(connection, membership.id(), leases::all);
    if (others > 0) {
      LOG.atInfo()
          .addKeyValue("leases", others)
          .log("leases that no slot knows of went back to the queue: their answers were lost");
    }
  }

  private void tick() {
    watchdog.look();
    // One that ends with its work has no fresh one that would take its place.
    if (settings.endRule == EndRule.Stopped && !draining.get()) {
      recycling
          .due()
          .ifPresent(
              why -> {
                LOG.atInfo().addKeyValue("why", why).log("this worker makes room for a fresh one");
                drain();
              });
    }
  }

  /** Takes no more jobs; slots go home when the Unit at hand has ended. */
  private void drain() {
    if (draining.getAndSet(true)) {
      return;
    }
    try {
      membership.drain();
    } catch (RuntimeException e) {
      LOG.atDebug().setCause(e).log("the queue could not be told that this worker drains");
    }
    lookout.close();
  }

  private void giveUp() {
    hung.set(true);
    drain();
  }

  /**
   * Waits until all slots have gone home, by the end rule, a stop, or because it is time for a
   * fresh process.
   *
   * @return false when a Unit hangs and its thread cannot be ended
   */
  public boolean awaitEnd() throws InterruptedException {
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        if (hung.get() && !thread.join(settings.grace)) {
          return false;
        }
        thread.join(Heart.TICK);
      }
    }
    return true;
  }

  /** Whether every slot moved lately or waits for work: what the liveness probe asks. */
  public boolean moving() {
    if (stopped.get()) {
      return true;
    }
    boolean moving = !hung.get() && !heart.stopped();
    for (Slot slot : slots) {
      moving &= slot.movedWithin(stuckAfter);
    }
    return moving;
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
    drain();
    long deadline = nanoTime.getAsLong() + plan.workers().stopWithin().toNanos();
    boolean drained = true;
    try {
      for (Thread thread : threads) {
        drained &= thread.join(Duration.ofNanos(Math.max(1, deadline - nanoTime.getAsLong())));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    heart.close();
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
