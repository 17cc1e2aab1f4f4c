package dev.koyomi.runner.unit;

import dev.koyomi.crds.sql.SqlText;
import dev.koyomi.runner.queue.LeasedSlice;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Jobs by their statements as they are, one network flush for each transaction: the advance and
 * COMMIT of one travel with the statements of the next. Between the two the worker looks at what
 * the statements touched.
 */
final class FlushedUnits implements Units {
  private static final long SECOND = 1_000_000_000L;
  private static final String ADVANCE = "select koyomi.advance(?, ?, ?, ?, ?)";

  private final Connection connection;
  private final SessionSettings settings;
  private final List<String> names;
  private final List<String> parameters;
  private final String unit;
  private final int statements;
  private final boolean counts;
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
    this.names = List.copyOf(sql.parameters());
    this.parameters =
        sql.statements().stream().flatMap(statement -> statement.parameters().stream()).toList();
    this.unit =
        sql.statements().stream().map(SqlText.Statement::text).collect(Collectors.joining(";\n"));
    this.statements = sql.statements().size();
    this.counts = Counting.counts(sql.statements().getLast());
    this.group = group;
    this.timeout = timeout;
    this.nanoTime = nanoTime;
  }

  /** Jobs whose statements have run in the open transaction, and which of them found nothing. */
  private record Open(int from, int to, List<Integer> skipped) {}

  @Override
  public boolean needsValues() {
    return true;
  }

  @Override
  public Stride run(Range range, @Nullable OffsetDateTime until, Runnable moved) {
    long end = nanoTime.getAsLong() + SECOND;
    int at = range.from();
    int size = most;
    int oneByOneTo = 0;
    int tries = 0;
    @Nullable Open open = null;
    while (true) {
      boolean over = at >= range.to() || nanoTime.getAsLong() >= end;
      long begin = nanoTime.getAsLong();
      boolean commits = open != null;
      try {
        if (over) {
          commit(range, open);
          return Stride.reached(at);
        }
        Range next = range.with(at, Math.min(at + size, range.to()));
        open = flush(next, open, until);
        at = open.to;
        moved.run();
        long taken = nanoTime.getAsLong() - begin;
        if (taken > timeout.toNanos()) {
          connection.rollback();
          connection.setAutoCommit(true);
          if (next.size() == 1 && !commits) {
            return new Stride(next.from(), SqlFailure.tooSlow(timeout));
          }
          // Whether one of them was too slow, and not the COMMIT before them, shows only alone.
          open = null;
          at = next.from();
          most = 1;
        } else {
          pace(next.size(), taken);
        }
        if (size > most || at >= oneByOneTo) {
          size = most;
        }
        tries = 0;
      } catch (SQLException error) {
        moved.run();
        int broken;
        int begun = at;
        int before = open == null ? at : open.from;
        switch (Recovery.after(
            connection,
            settings,
            range.with(before, range.to()),
            error,
            position -> position == begun || position == before)) {
          case Recovery.State.Over(Stride stride) -> {
            return stride;
          }
          case Recovery.State.At(int position) -> broken = position;
        }
        // What broke is the transaction that was to be committed, or the one after it.
        int together = open != null && broken == before ? open.to - open.from : size;
        open = null;
        at = broken;
        if (Recovery.permitLapsed(connection, error, until)) {
          return Stride.reached(at);
        }
        if (SqlFailure.collision(error) && tries < SqlFailure.TRIES_IN_PLACE) {
          tries++;
        } else if (together > 1 && range.to() - at > 1) {
          if (nanoTime.getAsLong() - begin > timeout.toNanos()) {
            most = 1;
          }
          oneByOneTo = Math.min(at + together, range.to());
          size = 1;
          tries = 0;
        } else {
          return new Stride(at, SqlFailure.ending(error, timeout, nanoTime.getAsLong() - begin));
        }
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

  /** Commits what is open and runs the statements of the next jobs. */
  private Open flush(Range next, @Nullable Open open, @Nullable OffsetDateTime until)
      throws SQLException {
    List<String> text = new ArrayList<>();
    if (open == null) {
      connection.setAutoCommit(false);
    } else {
      text.add(ADVANCE);
      text.add("commit");
      text.add("begin");
    }
    for (int i = 0; i < next.size(); i++) {
      if (until != null) {
        text.add(Recovery.ON_TIME);
      }
      text.add(unit);
    }
    LeasedSlice.Values values = Objects.requireNonNull(next.slice().values());
    try (PreparedStatement statement = connection.prepareStatement(String.join(";\n", text))) {
      // The server's limit is for each statement. Several Units that take longer than one may are
      // done one by one.
      statement.setQueryTimeout(
          statements == 1 && next.size() == 1 ? 0 : (int) ((timeout.toMillis() + 999) / 1000));
      int place = open == null ? 1 : bindAdvance(statement, next.slice(), open);
      for (int at = next.from(); at < next.to(); at++) {
        if (until != null) {
          statement.setObject(place++, until);
        }
        for (String parameter : parameters) {
          statement.setObject(
              place++, values.parameters().get(names.indexOf(parameter)).get(at), Types.OTHER);
        }
      }
      boolean isRows = statement.execute();
      return new Open(
          next.from(),
          next.to(),
          skipped(
              next,
              Counting.rows(statement, isRows),
              open == null ? 0 : 3,
              statements + (until == null ? 0 : 1)));
    }
  }

  /**
   * Which Units' last statements found no row.
   *
   * @param before results before those of the first Unit
   * @param each results of each
   */
  private List<Integer> skipped(Range next, List<Long> rows, int before, int each) {
    List<Integer> skipped = new ArrayList<>();
    for (int i = 0; counts && i < next.size(); i++) {
      if (rows.get(before + (i + 1) * each - 1) == 0) {
        skipped.add(next.from() + i);
      }
    }
    return skipped;
  }

  private void commit(Range range, @Nullable Open open) throws SQLException {
    if (open != null) {
      try (PreparedStatement statement = connection.prepareStatement(ADVANCE + "; commit")) {
        bindAdvance(statement, range.slice(), open);
        statement.execute();
      }
    }
    connection.setAutoCommit(true);
  }

  private int bindAdvance(PreparedStatement statement, LeasedSlice slice, Open open)
      throws SQLException {
    statement.setLong(1, slice.id());
    statement.setLong(2, slice.lease());
    statement.setInt(3, open.from);
    statement.setInt(4, open.to - open.from);
    statement.setArray(
        5,
        open.skipped.isEmpty() ? null : connection.createArrayOf("int4", open.skipped.toArray()));
    return 6;
  }
}
