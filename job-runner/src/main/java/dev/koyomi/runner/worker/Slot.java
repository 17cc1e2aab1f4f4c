package dev.koyomi.runner.worker;

import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.unit.Ending;
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
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One thread with one connection: leases a slice, works its jobs in order, looks for the next. */
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

  /** What the slots of a process share. */
  record Shared(
      DataSource database,
      Slices slices,
      RandomGenerator random,
      int batchId,
      Membership membership,
      Execution execution,
      Lookout lookout,
      Outage outage,
      EndRule endRule,
      Duration unitTimeout,
      LongSupplier nanoTime) {}

  private final Shared shared;
  private final AtomicLong movedAt;

  /** Waiting for work is no standstill, however long it takes. */
  private volatile boolean waiting;

  private final LowWaterMark mark = new LowWaterMark();
  private @Nullable Held held;

  /**
   * What this slot has or may have leased.
   *
   * @param run empty until the answer to the lease has come
   */
  private record Held(long lease, Optional<Long> run) {}

  Slot(Shared shared) {
    this.shared = shared;
    this.movedAt = new AtomicLong(shared.nanoTime.getAsLong());
  }

  /** Whether the slot waits for work, or came round its loop or ended a job within this time. */
  boolean movedWithin(Duration time) {
    return waiting || shared.nanoTime.getAsLong() - movedAt.get() < time.toNanos();
  }

  @Override
  public void run() {
    while (!shared.lookout.closed()) {
      try (Connection connection = shared.database.getConnection()) {
        connection.setAutoCommit(true);
        settle(connection);
        limitStatements(connection);
        shared.outage.succeeded(shared.nanoTime.getAsLong());
        workWhileConnected(connection);
        return;
      } catch (SQLException e) {
        pause(shared.outage.failed(e, movedAt.get()));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      } catch (RuntimeException e) {
        // The last edge: a slot that ended silently would leave its process half dead.
        LOG.atError()
            .setCause(e)
            .log(
                "a slot failed in a way nobody foresaw; its jobs go back to the queue and it goes"
                    + " on");
        pause(AFTER_SURPRISE);
      }
    }
  }

  /** A lost process must not keep locks: the server ends what stands still in a transaction. */
  private void limitStatements(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "select set_config('statement_timeout', ?, false),"
                + " set_config('idle_in_transaction_session_timeout', ?, false)")) {
      statement.setString(1, Long.toString(shared.unitTimeout.toMillis()));
      statement.setString(2, Long.toString(shared.unitTimeout.plus(IDLE_GRACE).toMillis()));
      statement.execute();
    }
  }

  /** Returns when the slot's work is over; raises when the connection is. */
  private void workWhileConnected(Connection connection) throws SQLException, InterruptedException {
    while (!shared.lookout.closed()) {
      move();
      Optional<LeasedSlice> slice = lease(connection);
      if (slice.isPresent()) {
        shared.lookout.announce();
        work(connection, slice.get());
      } else if (shared.endRule.over(connection, shared.batchId)) {
        shared.lookout.announce();
        return;
      } else {
        Duration due = shared.slices.untilNextDue(connection, shared.batchId).orElse(POLL);
        awaitNews(Collections.max(List.of(BREATH, Collections.min(List.of(due, POLL)))));
      }
    }
  }

  private void awaitNews(Duration atMost) throws InterruptedException {
    waiting = true;
    try {
      shared.lookout.awaitNews(atMost);
    } finally {
      move();
      waiting = false;
    }
  }

  private Optional<LeasedSlice> lease(Connection connection) throws SQLException {
    long from = mark.at(shared.nanoTime.getAsLong());
    Optional<LeasedSlice> slice = lease(connection, from);
    if (slice.isEmpty() && from > 0) {
      mark.foundNothing();
      slice = lease(connection, 0);
    }
    slice.ifPresent(leased -> mark.found(leased.id()));
    return slice;
  }

  private Optional<LeasedSlice> lease(Connection connection, long from) throws SQLException {
    long lease = shared.random.nextLong();
    held = new Held(lease, Optional.empty());
    Optional<LeasedSlice> slice =
        shared.slices.lease(connection, shared.batchId, shared.membership.id(), lease, from);
    held = slice.map(leased -> new Held(lease, Optional.of(leased.run()))).orElse(null);
    return slice;
  }

  private void work(Connection connection, LeasedSlice slice) throws SQLException {
    for (int at = slice.position(); at < slice.stop(); at++) {
      if (shared.lookout.closed()) {
        settle(connection);
        return;
      }
      Ending ending = shared.execution.run(connection, slice, at);
      move();
      switch (ending) {
        case Ending.Done _, Ending.Skipped _, Ending.Failed _ -> {}
        case Ending.Fenced _ -> {
          settle(connection);
          return;
        }
        case Ending.Disconnected(SQLException cause) -> throw cause;
      }
    }
    held = null;
    connection.setAutoCommit(true);
    shared.slices.finish(connection, slice.run());
  }

  /**
   * Gives back what this slot may still hold: after a stop, a fence or a lost connection. Does
   * nothing when it holds nothing.
   */
  private void settle(Connection connection) throws SQLException {
    @Nullable Held unsettled = held;
    if (unsettled == null) {
      return;
    }
    connection.setAutoCommit(true);
    Optional<Long> givenBack = shared.slices.giveBack(connection, unsettled.lease);
    Optional<Long> run = unsettled.run.or(() -> givenBack);
    if (run.isPresent()) {
      shared.slices.finish(connection, run.get());
    }
    held = null;
  }

  private void move() {
    movedAt.set(shared.nanoTime.getAsLong());
  }

  private void pause(Duration wait) {
    move();
    try {
      shared.lookout.awaitClose(wait);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
