package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The statements that turn rows into chunks: those of the user's query, or those of chunks that
 * were cut wrongly.
 *
 * <p>Rows are numbered as they come and grouped by number; nothing is sorted by content. Columns
 * are gathered as arrays of text, which costs a third of building JSON row by row.
 */
final class ChunkInsert {
  /** Jobs of one chunk. */
  static final int JOBS = 500;

  /** Bytes of one chunk's payloads, about. */
  static final int BYTES = 1_000_000;

  private final Payload payload;
  private final int lanes;

  /**
   * @param lanes of an ordered batch; 0 of another
   */
  ChunkInsert(Payload payload, int lanes) {
    this.payload = payload;
    this.lanes = lanes;
  }

  /** Writes chunks of the user's query, which runs on this connection. */
  void ofQuery(
      Connection connection, long run, long token, Plan.Selection trigger, Parameters values)
      throws SQLException {
    SqlText.Statement query = trigger.sql().statements().getFirst();
    String rows =
        """
        select key%s, %s as rising, (row_number() over ())::int - 1 as n
          from (select %s as key%s from (
        %s
          ) as t limit ?) as target
        """
            .formatted(
                names("c"), payload.rising(), payload.key(), payload.columns(), query.text());
    String place = "n / " + JOBS;
    try (PreparedStatement statement = connection.prepareStatement(insert(rows, place))) {
      int next = bindOwn(statement, connection, run, token);
      next = values.bind(statement, next, query);
      statement.setLong(next, trigger.maxJobs() + 1L);
      statement.executeUpdate();
    }
  }

  /**
   * Writes the chunks of this selection anew: the first job of each key, and no chunk larger than
   * it may be.
   *
   * @param settledOf leave out the targets of this run that are settled; null: none
   */
  void ofChunks(Connection connection, long run, long token, @Nullable Long settledOf)
      throws SQLException {
    String columns =
        IntStream.rangeClosed(1, payload.names().size())
            .mapToObj(", array(select unnest(c.vals[%1$d:%1$d]))"::formatted)
            .collect(Collectors.joining());
    String rows =
        """
        select key%1$s, true as rising, (row_number() over (order by chunk, o))::int - 1 as n
          from (select distinct on (u.key) c.id as chunk, u.*
                  from koyomi.chunk c
                  cross join lateral unnest(c.keys%2$s) with ordinality as u(key%1$s, o)
                  where c.run_id = ? and c.selector_token = ? and c.id <= ?
                  order by u.key, c.id, o) as firsts
          %3$s
          order by chunk, o
        """
            .formatted(
                names("c"),
                columns,
                settledOf == null
                    ? ""
                    : "where not exists (select from koyomi.settled_keys(?) as settled where"
                        + " settled.key = firsts.key)");
    String place = "n / " + JOBS + " + sum(" + length() + ") over (order by n) / " + BYTES;
    long last = lastChunk(connection, run, token);
    try (PreparedStatement statement = connection.prepareStatement(insert(rows, place))) {
      int next = bindOwn(statement, connection, run, token);
      statement.setLong(next, run);
      statement.setLong(next + 1, token);
      statement.setLong(next + 2, last);
      if (settledOf != null) {
        statement.setLong(next + 3, settledOf);
      }
      statement.executeUpdate();
    }
    try (PreparedStatement statement =
        connection.prepareStatement(
            "delete from koyomi.chunk where run_id = ? and selector_token = ? and id <= ?")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.setLong(3, last);
      statement.executeUpdate();
    }
  }

  private static long lastChunk(Connection connection, long run, long token) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "select max(id) from koyomi.chunk where run_id = ? and selector_token = ?")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      try (var row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  private int bindOwn(PreparedStatement statement, Connection connection, long run, long token)
      throws SQLException {
    statement.setLong(1, run);
    statement.setLong(2, token);
    statement.setArray(3, connection.createArrayOf("text", payload.names().toArray()));
    statement.setString(4, payload.kinds());
    return 5;
  }

  private String insert(String rows, String place) {
    String order = lanes > 0 ? " order by n" : "";
    String vals =
        payload.names().isEmpty()
            ? "'{}'::text[]"
            : IntStream.rangeClosed(1, payload.names().size())
                .mapToObj(i -> "array_agg(c%d%s)::text[]".formatted(i, order))
                .collect(Collectors.joining(", ", "array[", "]"));
    // Values become text when they are gathered, not one by one. The sub-select stays one (offset
    // 0), so that this is done once.
    return """
    insert into koyomi.chunk (run_id, selector_token, size, keys, names, kinds, vals, bytes, rising, lane)
    select ?, ?, size, keys, ?, ?, vals, pg_column_size(vals), rising, lane
      from (select place, %1$s as lane, count(*) as size, array_agg(key%2$s)::text[] as keys, %3$s as vals,
                   bool_and(coalesce(rising, n = 0 and key is not null)) as rising
              from (%4$s) as placed
              group by %5$s
              offset 0) as gathered
      order by place
    """
        .formatted(
            lanes > 0 ? "lane" : "null::int",
            order,
            vals,
            placed(rows, place),
            lanes > 0 ? "lane, place" : "place");
  }

  /** Every lane has chunks of its own, in which its jobs stand in their order. */
  private String placed(String rows, String place) {
    return lanes == 0
        ? "select *, %s as place from (%s) as numbered".formatted(place, rows)
        : """
        select *, (row_number() over (partition by lane order by n) - 1) / %d
                  + sum(%s) over (partition by lane order by n) / %d as place
          from (select *, koyomi.lane_of(key::text, %d) as lane from (%s) as numbered) as laned\
        """
            .formatted(JOBS, length(), BYTES, lanes, rows);
  }

  private String length() {
    return IntStream.rangeClosed(1, payload.names().size())
        .mapToObj("coalesce(octet_length(c%d::text), 0)"::formatted)
        .collect(Collectors.joining(" + ", "0 + ", ""));
  }

  private String names(String prefix) {
    return IntStream.rangeClosed(1, payload.names().size())
        .mapToObj(i -> ", " + prefix + i)
        .collect(Collectors.joining());
  }

  /** The trigger's parameters by name. */
  record Parameters(Map<String, String> values) {
    Parameters {
      values = Map.copyOf(values);
    }

    /** Untyped, so that each takes the type of its place; returns the next number. */
    int bind(PreparedStatement statement, int first, SqlText.Statement query) throws SQLException {
      int next = first;
      for (String parameter : query.parameters()) {
        statement.setObject(next++, values.get(parameter), Types.OTHER);
      }
      return next;
    }
  }
}
