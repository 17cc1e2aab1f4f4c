package dev.koyomi.runner.unit;

import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * All jobs of a slice by the same statements at once, in one transaction. When that fails the half
 * that fails is halved again, down to the job that is the reason.
 */
final class ChunkUnits implements Units {
  private final Connection connection;
  private final SessionSettings settings;
  private final String work;
  private final int statements;
  private final boolean counts;
  private final Duration timeout;
  private final LongSupplier nanoTime;

  ChunkUnits(
      Connection connection,
      SessionSettings settings,
      SqlText sql,
      Duration timeout,
      LongSupplier nanoTime) {
    this.connection = connection;
    this.settings = settings;
    this.work =
        sql.statements().stream()
            .map(SqlText.Statement::text)
            .collect(Collectors.joining(";\n", "select set_config('koyomi.jobs', ?, true);\n", ""));
    this.statements = sql.statements().size();
    this.counts = Counting.counts(sql.statements().getLast());
    this.timeout = timeout;
    this.nanoTime = nanoTime;
  }

  @Override
  public boolean needsValues() {
    return false;
  }

  @Override
  public Stride run(Range range, @Nullable OffsetDateTime until, Runnable moved) {
    int at = range.from();
    // End of a part that is known to fail, once there is one.
    int bad = range.to() + 1;
    int tries = 0;
    while (true) {
      int end = bad > range.to() ? range.to() : bad - at == 1 ? bad : at + (bad - at) / 2;
      long begin = nanoTime.getAsLong();
      SQLException error;
      try {
        transact(range.with(at, end), until, begin);
        tries = 0;
        at = end;
        if (at == range.to()) {
          return Stride.reached(at);
        }
        if (at == bad) {
          bad = range.to() + 1;
        }
        continue;
      } catch (SQLException e) {
        error = e;
      } finally {
        moved.run();
      }
      int begun = at;
      if (Recovery.after(
              connection, settings, range.with(at, end), error, position -> position == begun)
          instanceof Recovery.State.Over(Stride stride)) {
        return stride;
      }
      if (Recovery.permitLapsed(connection, error, until)) {
        return Stride.reached(at);
      }
      if (SqlFailure.collision(error) && tries < SqlFailure.TRIES_IN_PLACE) {
        tries++;
        continue;
      }
      tries = 0;
      Ending ending = SqlFailure.ending(error, timeout, nanoTime.getAsLong() - begin);
      if (ending instanceof Ending.Failed failed
          && !failed.retryable()
          && !SqlFailure.withinFunction(error)) {
        return new Stride(at, new Ending.Failed(failed.failure(), end - at, false));
      }
      if (!(ending instanceof Ending.Failed) || end - at == 1) {
        return new Stride(at, ending);
      }
      bad = end;
    }
  }

  private void transact(Range range, @Nullable OffsetDateTime until, long begin)
      throws SQLException {
    connection.setAutoCommit(false);
    List<Long> rows;
    String text = until == null ? work : Recovery.ON_TIME + ";\n" + work;
    try (PreparedStatement statement = connection.prepareStatement(text)) {
      statement.setQueryTimeout(statements == 1 ? 0 : (int) ((timeout.toMillis() + 999) / 1000));
      int place = 1;
      if (until != null) {
        statement.setObject(place++, until);
      }
      statement.setString(
          place, "%d %d %d".formatted(range.slice().id(), range.from(), range.to()));
      rows = Counting.rows(statement, statement.execute());
    }
    if (nanoTime.getAsLong() - begin > timeout.toNanos()) {
      throw new SQLException("too slow", SqlFailure.TOO_SLOW);
    }
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.advance(?, ?, ?, ?, ?); commit")) {
      statement.setLong(1, range.slice().id());
      statement.setLong(2, range.slice().lease());
      statement.setInt(3, range.from());
      statement.setInt(4, range.size());
      statement.setArray(
          5,
          counts && rows.getLast() == 0
              ? connection.createArrayOf(
                  "int4", IntStream.range(range.from(), range.to()).boxed().toArray())
              : null);
      statement.execute();
    }
    connection.setAutoCommit(true);
  }
}
