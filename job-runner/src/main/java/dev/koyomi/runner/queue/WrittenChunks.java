package dev.koyomi.runner.queue;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/**
 * The chunks that a selector has written and not dispatched yet: what they hold, and whether they
 * may be dispatched as they are.
 */
record WrittenChunks(long run, long token) {
  /**
   * What they hold.
   *
   * @param rising each key is greater than the one before: none comes twice, none is null
   * @param largest bytes of the largest chunk
   */
  record Seen(long jobs, boolean rising, boolean inLanes, long largest) {}

  Seen look(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select coalesce(sum(size), 0), coalesce(bool_and(coalesce(rising, false)), true),
                   coalesce(bool_and(lane is not null), true), coalesce(max(bytes), 0)
              from koyomi.chunk where run_id = ? and selector_token = ?
            """)) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return new Seen(row.getLong(1), row.getBoolean(2), row.getBoolean(3), row.getLong(4));
      }
    }
  }

  /**
   * Whether no key comes twice. Keys are counted by their 64-bit hash: a collision only leads to
   * the slower way, which compares the keys themselves.
   */
  boolean distinct(Connection connection) throws SQLException, Selection.Refused {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select count(*), count(distinct hashtextextended(k, 0)), count(*) filter (where k is null)
              from koyomi.chunk c cross join unnest(c.keys) as k
              where c.run_id = ? and c.selector_token = ?
            """)) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        if (row.getLong(3) > 0) {
          throw new Selection.Refused(
              "KeyIsNull",
              "spec.trigger.sql: the column \"key\" is null in %d of %d rows; every target needs one"
                  .formatted(row.getLong(3), row.getLong(1)));
        }
        return row.getLong(1) == row.getLong(2);
      }
    }
  }

  void refuseOversized(Connection connection, long maxPayload)
      throws SQLException, Selection.Refused {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select c.keys[o], sum(octet_length(v)) as bytes
              from koyomi.chunk c
              cross join generate_subscripts(c.names, 1) as name
              cross join lateral unnest(c.vals[name:name]) with ordinality as u(v, o)
              where c.run_id = ? and c.selector_token = ? and c.bytes > ?
              group by c.id, c.keys, o having sum(octet_length(v)) > ?
              order by bytes desc limit 1
            """)) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.setLong(3, maxPayload);
      statement.setLong(4, maxPayload);
      try (ResultSet row = statement.executeQuery()) {
        if (row.next()) {
          throw new Selection.Refused(
              "PayloadTooLarge",
              "spec.trigger.sql: the payload of key \"%s\" has %d bytes, more than spec.job.maxPayload = %d bytes; select a reference to the data, or raise the limit"
                  .formatted(row.getString(1), row.getLong(2), maxPayload));
        }
      }
    }
  }

  /** How many of the selected targets the run has done or still has. */
  long settled(Connection connection, long of) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select count(*) from koyomi.chunk c cross join unnest(c.keys) as k
              where c.run_id = ? and c.selector_token = ?
                and exists (select from koyomi.settled_keys(?) as settled where settled.key = k)
            """)) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.setLong(3, of);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** The first few keys. */
  List<String> sample(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select k.key
              from (select c.id, c.keys from koyomi.chunk c
                      where c.run_id = ? and c.selector_token = ? order by c.id limit 5) as c
              cross join unnest(c.keys) with ordinality as k(key, n)
              order by c.id, k.n limit 5
            """)) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      List<String> keys = new ArrayList<>();
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          keys.add(row.getString(1));
        }
      }
      return keys;
    }
  }
}
