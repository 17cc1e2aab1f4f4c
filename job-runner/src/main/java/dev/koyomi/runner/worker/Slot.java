package dev.koyomi.runner.worker;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.LeaseAnswer;
import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.queue.OwnStatement;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.unit.SqlUnits;
import dev.koyomi.runner.unit.Units;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One thread with one connection: leases a slice, works it, looks for the next. */
final class Slot implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(Slot.class);

  /**
   * Shortest wait before an idle process looks again: work that is ready but not to be had is just
   * being taken.
   */
  private static final Duration BREATH = Duration.ofMillis(20);

  /** Longest wait before an idle process looks again. */
  private static final Duration POLL = Duration.ofMillis(500);

  private static final Duration AFTER_SURPRISE = Duration.ofSeconds(1);
  private static final Duration IDLE_GRACE = Duration.ofSeconds(10);

  /** Every so many leases take what waited longest, so that no class starves. */
  private static final int OLDEST_EVERY = 4;

  /** What the slots of a process share. */
  record Shared(
      Database database,
      Slices slices,
      RandomGenerator random,
      int batchId,
      String name,
      Membership membership,
      SqlUnits units,
      SliceWork.Shared work,
      Lookout lookout,
      Outage outage,
      EndRule endRule,
      Leases leases,
      LongSupplier nanoTime) {}

  private final Shared shared;
  private final int number;
  private final AtomicLong movedAt;
  private final LowWaterMark mark = new LowWaterMark();
  private long found;

  private final Runnable moved = this::move;

  private final SliceWork.Host host =
      new SliceWork.Host() {
        @Override
        public boolean closing() {
          move();
          return shared.lookout.closed();
        }

        @Override
        public long nanoTime() {
          return shared.nanoTime.getAsLong();
        }

        @Override
        public List<LeasedSlice.Mark> from() {
          return mark.look(nanoTime());
        }

        @Override
        public Runnable moved() {
          return moved;
        }

        @Override
        public void unit(boolean works) {
          move();
          inUnit = works;
        }
      };

  /** Waiting for work is no standstill, however long it takes. */
  private volatile boolean waiting;

  private volatile boolean inUnit;

  /** Whether its work is over; a slot whose thread ended otherwise is dead. */
  private volatile boolean home;

  private volatile @Nullable Connection working;
  private volatile @Nullable Thread thread;
  private @Nullable Taken taken;

  /**
   * What this slot has or may have leased.
   *
   * @param worker under whose name, which a process that was declared lost changes
   * @param run empty until the answer to the lease has come
   */
  private record Taken(long worker, long lease, Optional<Long> run) {}

  Slot(Shared shared, int number) {
    this.shared = shared;
    this.number = number;
    this.movedAt = new AtomicLong(shared.nanoTime.getAsLong());
  }

  /**
   * Whether the slot went home, waits for work, or came round its loop or ended a stride within
   * this time.
   *
   * @param time for Units; what the slot itself asks of the queue may take its own limit longer
   */
  boolean movedWithin(Duration time) {
    long nanos = inUnit ? time.toNanos() : time.plus(OwnStatement.LONGEST).toNanos();
    return home || waiting || shared.nanoTime.getAsLong() - movedAt.get() < nanos;
  }

  /** Asks the server to end what the slot has it do. */
  void cancelStatement() {
    @Nullable Connection present = working;
    if (present != null) {
      try {
        present.unwrap(PGConnection.class).cancelQuery();
      } catch (SQLException e) {
        LOG.atWarn().addKeyValue("slot", number).setCause(e).log("could not cancel the statement");
      }
    }
  }

  void interrupt() {
    @Nullable Thread present = thread;
    if (present != null) {
      present.interrupt();
    }
  }

  @Override
  public void run() {
    thread = Thread.currentThread();
    while (!shared.lookout.closed()) {
      // The watchdog's interrupt was meant for a Unit that is over.
      Thread.interrupted();
      try (Connection connection = shared.database.dataSource().getConnection()) {
        work(connection);
        break;
      } catch (SQLException e) {
        // It may have been the one that looks for work.
        shared.lookout.call();
        pause(shared.outage.failed(e, movedAt.get()));
      } catch (InterruptedException e) {
        // By the watchdog, and heard after the Unit had come back.
        LOG.atInfo()
            .addKeyValue("slot", number)
            .log("a slot was interrupted; its jobs go back to the queue and it goes on");
      } catch (RuntimeException e) {
        // The last edge: a slot that ended silently would leave its process half dead.
        LOG.atError()
            .setCause(e)
            .log(
                "a slot failed in a way nobody foresaw; its jobs go back to the queue and it goes"
                    + " on");
        pause(AFTER_SURPRISE);
      } finally {
        working = null;
        inUnit = false;
      }
    }
    home = true;
  }

  private void work(Connection connection) throws SQLException, InterruptedException {
    boolean good = false;
    try {
      connection.setAutoCommit(true);
      if (taken != null) {
        shared.leases.lostAnAnswer();
      }
      settle(connection);
      introduce(connection);
      shared.outage.succeeded(shared.nanoTime.getAsLong());
      working = connection;
      workWhileConnected(connection, shared.units.on(connection));
      good = true;
    } finally {
      if (!good) {
        // A Unit may have left its session in a state in which nothing can be done.
        shared.database.discard(connection);
      }
    }
  }

  /**
   * Tells the server who this is, and its limits: a lost process must not keep locks, so the server
   * ends what stands still in a transaction.
   */
  private void introduce(Connection connection) throws SQLException {
    Duration longest = shared.units.longestStatement();
    try (PreparedStatement statement =
        connection.prepareStatement(
            "select set_config('statement_timeout', ?, false),"
                + " set_config('idle_in_transaction_session_timeout', ?, false),"
                + " set_config('application_name', ?, false)")) {
      statement.setString(1, Long.toString(longest.toMillis()));
      statement.setString(2, Long.toString(longest.plus(IDLE_GRACE).toMillis()));
      statement.setString(
          3, "koyomi %s worker %d slot %d".formatted(shared.name, shared.membership.id(), number));
      statement.execute();
    }
  }

  /** Returns when the slot's work is over; raises when the connection is. */
  private void workWhileConnected(Connection connection, Units units)
      throws SQLException, InterruptedException {
    LeaseAnswer answer = lease(connection, units.needsValues());
    while (!shared.lookout.closed()) {
      switch (answer) {
        case LeaseAnswer.Leased(LeasedSlice slice) -> {
          // Who finds some has one more look, and not everybody: it may have been all there was.
          shared.lookout.call();
          answer = work(connection, units, slice);
          continue;
        }
        case LeaseAnswer.Limited(Duration after) ->
            awaitNews(Collections.min(List.of(after, POLL)), false);
        case LeaseAnswer.Nothing() -> {
          if (shared.endRule.over(connection, shared.batchId)) {
            shared.lookout.announce();
            return;
          }
          // Who tells the queue that it idles looks once more: what was enqueued just before woke
          // nobody.
          if (!shared.membership.idle(connection)) {
            Duration due =
                shared
                    .slices
                    .untilNextDue(
                        connection, shared.batchId, mark.look(shared.nanoTime.getAsLong()))
                    .orElse(POLL);
            awaitNews(Collections.max(List.of(BREATH, Collections.min(List.of(due, POLL)))), true);
          }
        }
      }
      answer = lease(connection, units.needsValues());
    }
    settle(connection);
  }

  private void awaitNews(Duration atMost, boolean idle) throws InterruptedException {
    waiting = true;
    try {
      shared.lookout.awaitNews(atMost, idle);
    } finally {
      move();
      waiting = false;
    }
  }

  /** How a slice is asked for. */
  private interface Asking {
    LeaseAnswer answer(Slices.Ask ask) throws SQLException;
  }

  private LeaseAnswer lease(Connection connection, boolean values) throws SQLException {
    if (shared.lookout.closed()) {
      return new LeaseAnswer.Nothing();
    }
    return lease(connection, values, ask -> shared.slices.lease(connection, ask));
  }

  private LeaseAnswer lease(Connection connection, boolean values, Asking asking)
      throws SQLException {
    move();
    long began = shared.nanoTime.getAsLong();
    List<LeasedSlice.Mark> from = mark.at(began);
    LeaseAnswer answer = ask(from, values, asking);
    if (answer instanceof LeaseAnswer.Nothing && !from.isEmpty()) {
      began = shared.nanoTime.getAsLong();
      if (mark.again(began)) {
        from = List.of();
        answer = ask(from, values, ask -> shared.slices.lease(connection, ask));
      }
    }
    if (from.isEmpty()) {
      mark.took(shared.nanoTime.getAsLong() - began);
    }
    if (answer instanceof LeaseAnswer.Leased(LeasedSlice slice)) {
      found++;
      mark.found(slice.mark());
    }
    return answer;
  }

  private LeaseAnswer ask(List<LeasedSlice.Mark> from, boolean values, Asking asking)
      throws SQLException {
    long worker = shared.membership.id();
    long lease = shared.random.nextLong();
    take(new Taken(worker, lease, Optional.empty()));
    boolean oldest = found % OLDEST_EVERY == OLDEST_EVERY - 1;
    boolean alone = shared.leases.none();
    return taking(
        worker,
        asking.answer(
            new Slices.Ask(
                worker, lease, oldest, alone, from, values, shared.work.permits().wanted())));
  }

  private LeaseAnswer taking(long worker, LeaseAnswer answer) {
    take(
        answer instanceof LeaseAnswer.Leased(LeasedSlice slice)
            ? new Taken(worker, slice.lease(), Optional.of(slice.run()))
            : null);
    return answer;
  }

  private void take(@Nullable Taken next) {
    // The new one first: what the process has must not look unknown in between.
    if (next != null) {
      shared.leases.add(next.lease, next.run.isPresent());
    }
    if (taken != null && (next == null || next.lease != taken.lease)) {
      shared.leases.remove(taken.lease);
    }
    taken = next;
  }

  /** Works the slice, and those behind it in its lane; the answer is what to do next. */
  private LeaseAnswer work(Connection connection, Units units, LeasedSlice first)
      throws SQLException, InterruptedException {
    LeasedSlice slice = first;
    while (true) {
      SliceWork.End end = new SliceWork(shared.work, connection, units, slice, host).run();
      move();
      if (end == SliceWork.End.Finished && !slice.inLane()) {
        return next(connection, units.needsValues(), slice.run());
      }
      if (end != SliceWork.End.Finished) {
        settle(connection);
        if (end == SliceWork.End.Breaker) {
          shared.lookout.awaitClose(shared.work.breaker());
          // Others first: they show whether it is these jobs or what they need.
          mark.passOver(slice.mark(), shared.nanoTime.getAsLong());
        }
        return lease(connection, units.needsValues());
      }
      long worker = shared.membership.id();
      if (!(taking(
              worker,
              shared.slices.finishAndNextInLane(connection, slice, worker, units.needsValues()))
          instanceof LeaseAnswer.Leased(LeasedSlice next))) {
        return lease(connection, units.needsValues());
      }
      slice = next;
    }
  }

  /** The next slice is asked for in the flush that ends the last one: a round trip less. */
  private LeaseAnswer next(Connection connection, boolean values, long run) throws SQLException {
    take(null);
    return lease(connection, values, ask -> shared.slices.finishAndLease(connection, run, ask));
  }

  /**
   * Gives back what this slot holds; what the queue has given to others meanwhile is left alone.
   */
  private void settle(Connection connection) throws SQLException {
    @Nullable Taken unsettled = taken;
    if (unsettled == null) {
      return;
    }
    connection.setAutoCommit(true);
    Optional<Long> givenBack =
        shared.slices.giveBack(connection, unsettled.worker, unsettled.lease);
    Optional<Long> run = unsettled.run.or(() -> givenBack);
    if (run.isPresent()) {
      shared.slices.finish(connection, run.get());
    }
    take(null);
  }

  private void move() {
    movedAt.set(shared.nanoTime.getAsLong());
  }

  private void pause(Duration wait) {
    move();
    try {
      shared.lookout.awaitClose(wait);
    } catch (InterruptedException e) {
      LOG.atDebug().setCause(e).log("an interrupt ended a pause");
    }
  }
}
