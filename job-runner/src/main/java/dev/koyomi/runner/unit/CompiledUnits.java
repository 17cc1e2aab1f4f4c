package dev.koyomi.runner.unit;

import dev.koyomi.runner.queue.Slices;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Jobs by a procedure on the server that holds the Unit's statements and commits by itself: one
 * call for up to a second of work. An error ends the call at the transaction that failed, and the
 * cursor tells which that was.
 */
final class CompiledUnits implements Units {
  private static final Logger LOG = LoggerFactory.getLogger(CompiledUnits.class);

  private final Connection connection;
  private final SessionSettings settings;
  private final UnitProcedure procedure;
  private final int group;
  private final Duration timeout;
  private final LongSupplier nanoTime;

  CompiledUnits(
      Connection connection,
      SessionSettings settings,
      UnitProcedure procedure,
      int group,
      Duration timeout,
      LongSupplier nanoTime) {
    this.connection = connection;
    this.settings = settings;
    this.procedure = procedure;
    this.group = group;
    this.timeout = timeout;
    this.nanoTime = nanoTime;
  }

  @Override
  public boolean needsValues() {
    return false;
  }

  @Override
  public Stride run(Range range, @Nullable OffsetDateTime until, Runnable moved) {
    int from = range.from();
    int size = group;
    int oneByOneTo = 0;
    boolean madeAnew = false;
    for (int tries = 0; ; tries++) {
      long begin = nanoTime.getAsLong();
      Range next = range.with(from, size == 1 && group > 1 ? oneByOneTo : range.to());
      try {
        return Stride.reached(call(next, size, until));
      } catch (SQLException error) {
        moved.run();
        int at;
        int begun = from;
        switch (Recovery.after(
            connection,
            settings,
            next,
            error,
            position -> begun <= position && position < next.to())) {
          case Recovery.State.Over(Stride stride) -> {
            return stride;
          }
          case Recovery.State.At(int position) -> at = position;
        }
        if (at > from) {
          tries = 0;
          from = at;
        }
        if (!madeAnew && UnitProcedure.OUTDATED.equals(error.getSQLState())) {
          madeAnew = true;
          if (madeAnew()) {
            continue;
          }
          // The next session finds another way.
          return new Stride(at, new Ending.Disconnected(error));
        }
        if (Recovery.permitLapsed(connection, error, until)) {
          return Stride.reached(at);
        }
        if (at > begun
            && (Slices.FENCED.equals(error.getSQLState())
                || SqlFailure.timedOut(error, timeout, nanoTime.getAsLong() - begin))) {
          // Whether it was the job at the cursor, or what the call did before, the next one shows.
          continue;
        }
        if (SqlFailure.collision(error) && tries < SqlFailure.TRIES_IN_PLACE) {
          continue;
        }
        if (size > 1 && range.to() - at > 1) {
          // The group is rolled back; the same jobs one by one.
          size = 1;
          oneByOneTo = Math.min(at + group, range.to());
          tries = -1;
          continue;
        }
        return new Stride(at, SqlFailure.ending(error, timeout, nanoTime.getAsLong() - begin));
      }
    }
  }

  private boolean madeAnew() {
    try {
      return procedure.create(connection);
    } catch (SQLException gone) {
      LOG.atDebug().setCause(gone).log("the connection broke");
      return false;
    }
  }

  private int call(Range range, int size, @Nullable OffsetDateTime until) throws SQLException {
    try (CallableStatement call = connection.prepareCall(UnitProcedure.CALL_TEXT)) {
      call.setLong(1, range.slice().id());
      call.setLong(2, range.slice().lease());
      call.setInt(3, range.from());
      call.registerOutParameter(3, Types.INTEGER);
      call.setInt(4, range.to());
      call.setInt(5, size);
      call.setObject(6, until, Types.TIMESTAMP_WITH_TIMEZONE);
      call.execute();
      return call.getInt(3);
    }
  }
}
