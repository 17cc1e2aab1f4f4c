package dev.koyomi.runner.unit;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.runner.queue.JobFailure;
import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.queue.Slices;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of one job: the Unit's statements and the advance of the cursor in one transaction.
 *
 * <p>Two round trips: the Unit, then the advance together with COMMIT. The advance raises when the
 * slice is no longer as leased, so the COMMIT behind it in the same flush is never reached.
 */
public final class UnitTransaction {
  private static final int TRIES_IN_PLACE = 3;

  private final Unit unit;
  private final Duration timeout;
  private final LongSupplier nanoTime;

  public UnitTransaction(Unit unit, Duration timeout, LongSupplier nanoTime) {
    this.unit = unit;
    this.timeout = timeout;
    this.nanoTime = nanoTime;
  }

  /**
   * Runs the job at the position of the slice; collisions with other transactions are tried again
   * at once.
   */
  public Ending run(Connection connection, LeasedSlice slice, int at) {
    for (int attempt = 1; ; attempt++) {
      long begin = nanoTime.getAsLong();
      try {
        return attempt(connection, slice, at, begin);
      } catch (SQLException e) {
        @Nullable SQLException rollbackProblem = rollback(connection);
        if (rollbackProblem != null || SqlFailure.readOnlyServer(e)) {
          return new Ending.Disconnected(e);
        }
        if (Slices.FENCED.equals(e.getSQLState())) {
          return new Ending.Fenced();
        }
        if (!SqlFailure.collision(e) || attempt > TRIES_IN_PLACE) {
          return SqlFailure.ending(e, timeout, nanoTime.getAsLong() - begin);
        }
      }
    }
  }

  private Ending attempt(Connection connection, LeasedSlice slice, int at, long begin)
      throws SQLException {
    connection.setAutoCommit(false);
    JsonNode payload = slice.payload(at);
    Unit.Outcome outcome = unit.run(GuardedConnection.of(connection), slice.lease(), payload);
    if (nanoTime.getAsLong() - begin > timeout.toNanos()) {
      connection.rollback();
      return SqlFailure.tooSlow(timeout);
    }
    return switch (outcome) {
      case Unit.Outcome.Done() -> {
        commit(connection, "select koyomi.advance(?, ?, ?, 1); commit", slice, at, null);
        yield new Ending.Done();
      }
      case Unit.Outcome.Skipped(String reason) -> {
        commit(connection, "select koyomi.skip_job(?, ?, ?, ?); commit", slice, at, reason);
        yield new Ending.Skipped(reason);
      }
      case Unit.Outcome.Misfit(String message) -> {
        connection.rollback();
        yield new Ending.Failed(
            new JobFailure("PayloadMisfit", message, JobFailure.Kind.Parked), false);
      }
    };
  }

  private static void commit(
      Connection connection, String sql, LeasedSlice slice, int at, @Nullable String reason)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setLong(1, slice.id());
      statement.setLong(2, slice.lease());
      statement.setInt(3, at);
      if (reason != null) {
        statement.setString(4, reason);
      }
      statement.execute();
    }
  }

  private static @Nullable SQLException rollback(Connection connection) {
    try {
      connection.rollback();
      return null;
    } catch (SQLException e) {
      return e;
    }
  }
}
