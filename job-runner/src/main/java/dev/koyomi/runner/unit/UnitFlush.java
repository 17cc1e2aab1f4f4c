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
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What is sent to the server at once: the advance and COMMIT of one transaction, and the statements
 * of the next.
 */
final class UnitFlush {
  private static final String ADVANCE = "select koyomi.advance(?, ?, ?, ?, ?)";

  private final Connection connection;
  private final List<String> names;
  private final List<String> parameters;
  private final String unit;
  private final int statements;
  private final boolean counts;
  private final Duration timeout;

  UnitFlush(Connection connection, SqlText sql, Duration timeout) {
    this.connection = connection;
    this.names = List.copyOf(sql.parameters());
    this.parameters =
        sql.statements().stream().flatMap(statement -> statement.parameters().stream()).toList();
    this.unit =
        sql.statements().stream().map(SqlText.Statement::text).collect(Collectors.joining(";\n"));
    this.statements = sql.statements().size();
    this.counts = Counting.counts(sql.statements().getLast());
    this.timeout = timeout;
  }

  /**
   * An open transaction: jobs whose statements have run in it, and which of them found nothing to
   * do.
   */
  record Open(int from, int to, List<Integer> skipped) {
    Open {
      skipped = List.copyOf(skipped);
    }

    int size() {
      return to - from;
    }
  }

  /** Commits what is open and runs the statements of the next jobs. */
  Open send(Units.Range next, @Nullable Open open, @Nullable OffsetDateTime until)
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
  private List<Integer> skipped(Units.Range next, List<Long> rows, int before, int each) {
    List<Integer> skipped = new ArrayList<>();
    for (int i = 0; counts && i < next.size(); i++) {
      if (rows.get(before + (i + 1) * each - 1) == 0) {
        skipped.add(next.from() + i);
      }
    }
    return skipped;
  }

  /** Commits what is open. */
  void commit(LeasedSlice slice, Open open) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(ADVANCE + "; commit")) {
      bindAdvance(statement, slice, open);
      statement.execute();
    }
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
