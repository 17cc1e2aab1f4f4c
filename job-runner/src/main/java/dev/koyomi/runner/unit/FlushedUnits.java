package dev.koyomi.runner.unit;

import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Jobs by their statements as they are, one network flush for each transaction: the advance and
 * COMMIT of one travel with the statements of the next. Between the two the worker looks at what
 * the statements touched.
 */
final class FlushedUnits implements Units {
  private static final long SECOND = 1_000_000_000L;

  private final Connection connection;
  private final SessionSettings settings;
  private final UnitFlush flush;
  private final int group;
  private final Duration timeout;
  private final LongSupplier nanoTime;

  /**
   * Units of one transaction; it is sent as a whole, so those before tell how many a second has.
   */
  private int most = 1;

  FlushedUnits(
      Connection connection,
      SessionSettings settings,
      SqlText sql,
      int group,
      Duration timeout,
      LongSupplier nanoTime) {
    this.connection = connection;
    this.settings = settings;
    this.flush = new UnitFlush(connection, sql, timeout);
    this.group = group;
    this.timeout = timeout;
    this.nanoTime = nanoTime;
  }

  @Override
  public boolean needsValues() {
    return true;
  }

  @Override
  public Stride run(Range range, @Nullable OffsetDateTime until, Runnable moved) {
    Working working = new Working(range, until, moved);
    while (true) {
      Optional<Stride> end = working.step();
      if (end.isPresent()) {
        return end.get();
      }
    }
  }

  /**
   * Should the next Units be like these, the last of a transaction begins within a second, and all
   * of them take no longer than one may.
   */
  private void pace(int units, long taken) {
    long each = taken / units + 1;
    long fit = Math.clamp(timeout.toNanos() / each, 1, SECOND / each + 1);
    // One by one, after an error, they say nothing of how many may go together.
    most = (int) Math.min(units < most ? most : Math.min(group, 2L * units), fit);
  }

  /** One stride. */
  private final class Working {
    private final Range range;
    private final @Nullable OffsetDateTime until;
    private final Runnable moved;
    private final long end = nanoTime.getAsLong() + SECOND;

    /** The first job that has not run; those of the open transaction have. */
    private int at;

    private UnitFlush.@Nullable Open open;

    /** Units of the next transaction. */
    private int size = most;

    /** After an error, jobs before this are done one by one, for it is one of them. */
    private int oneByOneTo;

    /** Of the transaction at hand, after collisions. */
    private int tries;

    Working(Range range, @Nullable OffsetDateTime until, Runnable moved) {
      this.range = range;
      this.until = until;
      this.moved = moved;
      this.at = range.from();
    }

    /** Sends one flush; a stride when that was the last. */
    Optional<Stride> step() {
      long begin = nanoTime.getAsLong();
      try {
        if (at >= range.to() || begin >= end) {
          if (open != null) {
            flush.commit(range.slice(), open);
          }
          connection.setAutoCommit(true);
          return Optional.of(Stride.reached(at));
        }
        return next(begin);
      } catch (SQLException error) {
        moved.run();
        return broken(error, nanoTime.getAsLong() - begin);
      }
    }

    private Optional<Stride> next(long begin) throws SQLException {
      Range next = range.with(at, Math.min(at + size, range.to()));
      boolean alone = open == null && next.size() == 1;
      open = flush.send(next, open, until);
      at = next.to();
      moved.run();
      long taken = nanoTime.getAsLong() - begin;
      if (taken <= timeout.toNanos()) {
        pace(next.size(), taken);
      } else {
        connection.rollback();
        connection.setAutoCommit(true);
        if (alone) {
          return Optional.of(new Stride(next.from(), SqlFailure.tooSlow(timeout)));
        }
        // Whether one of them was too slow, and not the COMMIT before them, shows only alone.
        open = null;
        at = next.from();
        most = 1;
      }
      if (size > most || at >= oneByOneTo) {
        size = most;
      }
      tries = 0;
      return Optional.empty();
    }

    private Optional<Stride> broken(SQLException error, long taken) {
      int begun = at;
      UnitFlush.@Nullable Open before = open;
      int first = before == null ? begun : before.from();
      open = null;
      switch (Recovery.after(
          connection,
          settings,
          range.with(first, range.to()),
          error,
          position -> position == begun || position == first)) {
        case Recovery.State.Over(Stride stride) -> {
          return Optional.of(stride);
        }
        case Recovery.State.At(int position) -> at = position;
      }
      if (Recovery.permitLapsed(connection, error, until)) {
        return Optional.of(Stride.reached(at));
      }
      if (SqlFailure.collision(error) && tries < SqlFailure.TRIES_IN_PLACE) {
        tries++;
        return Optional.empty();
      }
      // What broke is the transaction that was to be committed, or the one after it.
      int together = before != null && at == before.from() ? before.size() : size;
      if (together > 1 && range.to() - at > 1) {
        if (taken > timeout.toNanos()) {
          most = 1;
        }
        oneByOneTo = Math.min(at + together, range.to());
        size = 1;
        tries = 0;
        return Optional.empty();
      }
      return Optional.of(new Stride(at, SqlFailure.ending(error, timeout, taken)));
    }
  }
}
