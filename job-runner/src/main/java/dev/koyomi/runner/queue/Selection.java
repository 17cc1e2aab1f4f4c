package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.sql.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Writes the chunks of one selection and makes its jobs visible: all of them or none.
 *
 * <p>Where the query runs in the queue's own database, the data never leaves the server: one {@code
 * INSERT … SELECT} around the user's query. Chunks carry the selector's token, and every
 * transaction that writes them ends by checking that the token is still the run's.
 */
public final class Selection {
  private final long run;
  private final long token;

  public Selection(Opening.Select opened) {
    this.run = opened.run();
    this.token = opened.token();
  }

  /** What was selected: distinct targets, and rows that named a target a second time. */
  public record Counts(long selected, long duplicates) {}

  /**
   * The selection cannot be dispatched, for a reason that only a change of the definition or the
   * data removes.
   */
  public static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;
    private final String reason;

    Refused(String reason, String message) {
      super(message);
      this.reason = reason;
    }

    /** One word for programs. */
    public String reason() {
      return reason;
    }

    /** The sentence for people. */
    public String sentence() {
      return Objects.requireNonNull(getMessage());
    }
  }

  /**
   * Selects and writes the chunks, in one transaction on the given connection.
   *
   * @param values the trigger's parameters by name
   * @throws Refused when the rows are no list of targets, or are too many
   */
  public Counts select(Connection connection, Plan plan, Map<String, String> values)
      throws SQLException, Refused {
    Plan.Selection trigger = Objects.requireNonNull(plan.trigger());
    ChunkInsert.Parameters parameters = new ChunkInsert.Parameters(values);
    return writing(
        connection,
        plan,
        () -> {
          Payload payload = described(connection, plan, trigger, parameters);
          new ChunkInsert(payload, plan.job().order().lanes())
              .ofQuery(connection, run, token, trigger, parameters);
          return payload;
        });
  }

  /**
   * The same where the query runs in another database: a cursor in one read-only snapshot there,
   * chunks written here.
   *
   * @param source connection to the other database
   */
  public Counts select(
      Connection connection, Connection source, Plan plan, Map<String, String> values)
      throws SQLException, Refused {
    Plan.Selection trigger = Objects.requireNonNull(plan.trigger());
    ChunkInsert.Parameters parameters = new ChunkInsert.Parameters(values);
    source.setAutoCommit(false);
    source.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    source.setReadOnly(true);
    limitTime(source, trigger.timeout());
    return writing(
        connection,
        plan,
        () -> {
          Payload payload = described(source, plan, trigger, parameters);
          try (ChunkCopy copy = new ChunkCopy(connection, run, token, payload)) {
            ForeignRows.copy(source, payload, trigger, parameters, copy);
            copy.end();
          } finally {
            source.rollback();
          }
          return payload;
        });
  }

  /** Where rows go that are made here. */
  public interface Sink {
    /**
     * Adds a target.
     *
     * @param values its payload, in the order of the columns
     */
    void add(@Nullable String key, @Nullable String... values) throws SQLException;
  }

  /** Rows that are made in this process, one after the other. */
  public interface Rows {
    void into(Sink sink) throws SQLException;
  }

  /**
   * The same for rows that are made in this process; what is in memory is one chunk.
   *
   * @param names columns of the payload
   * @param kinds a letter for each: n number, b boolean, j JSON, s string
   */
  public Counts select(
      Connection connection, Plan plan, List<String> names, String kinds, Rows rows)
      throws SQLException, Refused {
    return writing(
        connection,
        plan,
        () -> {
          Payload payload = Payload.of(names, kinds, plan.unit().sql().parameters());
          try (ChunkCopy copy = new ChunkCopy(connection, run, token, payload)) {
            rows.into(copy);
            copy.end();
          }
          return payload;
        });
  }

  private interface Writing {
    Payload write() throws SQLException, Refused;
  }

  private Counts writing(Connection connection, Plan plan, Writing writing)
      throws SQLException, Refused {
    Plan.Selection trigger = Objects.requireNonNull(plan.trigger());
    connection.setAutoCommit(false);
    boolean committed = false;
    try {
      limitTime(connection, trigger.timeout());
      Payload payload = writing.write();
      Written written = written(connection);
      if (written.jobs > trigger.maxJobs()) {
        throw new Refused(
            "TooManyJobs",
            "the trigger selected more than spec.trigger.maxJobs = %d targets and nothing was enqueued; narrow the query or raise the limit"
                .formatted(trigger.maxJobs()));
      }
      boolean distinct = written.rising || distinct(connection);
      if (written.largest > plan.job().maxPayload()) {
        refuseOversized(connection, plan.job().maxPayload());
      }
      boolean cutWell = written.largest <= 2L * ChunkInsert.BYTES;
      boolean lanesMissing = plan.job().order().ordered() && !written.inLanes;
      Counts counts = new Counts(written.jobs, 0);
      if (!distinct || !cutWell || lanesMissing) {
        new ChunkInsert(payload, plan.job().order().lanes()).ofChunks(connection, run, token);
        long kept = written(connection).jobs;
        counts = new Counts(kept, written.jobs - kept);
      }
      hold(connection);
      connection.commit();
      committed = true;
      return counts;
    } finally {
      if (!committed) {
        connection.rollback();
      }
      connection.setAutoCommit(true);
    }
  }

  private static Payload described(
      Connection connection, Plan plan, Plan.Selection trigger, ChunkInsert.Parameters parameters)
      throws SQLException, Refused {
    SqlText.Statement query = trigger.sql().statements().getFirst();
    try (PreparedStatement statement = connection.prepareStatement(query.text())) {
      parameters.bind(statement, 1, query);
      ResultSetMetaData columns = statement.getMetaData();
      if (columns == null) {
        throw new Refused(
            "KeyMissing", "spec.trigger.sql: the statement gives no rows; write a query");
      }
      return Payload.of(columns, plan.unit().sql().needed());
    }
  }

  /**
   * Makes the jobs of the selection visible and sets the run Running; ends it when there are none.
   */
  public void dispatch(Connection connection, Counts counts, boolean failWhenEmpty)
      throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.dispatch(?, ?, ?, ?, ?)")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.setLong(3, counts.selected);
      statement.setLong(4, counts.duplicates);
      statement.setBoolean(5, failWhenEmpty);
      statement.execute();
    }
  }

  /** Ends the run as Failed, unless somebody else selects by now. */
  public void fail(Connection connection, String reason, String message) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.fail_selection(?, ?, ?, ?)")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.setString(3, reason);
      statement.setString(4, message);
      statement.execute();
    }
  }

  /** Notes why this attempt ended; the run stays Selecting for the one who comes after. */
  public void note(Connection connection, String message) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "update koyomi.run set message = ? where id = ? and state = 'Selecting' and"
                + " selector_token = ?")) {
      statement.setString(1, message);
      statement.setLong(2, run);
      statement.setLong(3, token);
      statement.execute();
    }
  }

  /** Also of a process that is gone: its successor waits for what it holds. */
  private static void limitTime(Connection connection, Duration timeout) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            // Rows are gathered in a hash table, of a million targets some 100 MB: spilled to disk,
            // it costs a quarter more.
            "select set_config('statement_timeout', ?, true),"
                + " set_config('idle_in_transaction_session_timeout', ?, true),"
                + " set_config('work_mem', '64MB', true)")) {
      statement.setString(1, Long.toString(timeout.toMillis()));
      statement.setString(2, Long.toString(timeout.toMillis()));
      statement.execute();
    }
  }

  /**
   * What was written.
   *
   * @param rising each key is greater than the one before: none comes twice, none is null
   * @param largest bytes of the largest chunk
   */
  private record Written(long jobs, boolean rising, boolean inLanes, long largest) {}

  private Written written(Connection connection) throws SQLException {
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
        return new Written(row.getLong(1), row.getBoolean(2), row.getBoolean(3), row.getLong(4));
      }
    }
  }

  /**
   * Whether no key comes twice. Keys are counted by their 64-bit hash: a collision only leads to
   * the slower way, which compares the keys themselves.
   */
  private boolean distinct(Connection connection) throws SQLException, Refused {
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
          throw new Refused(
              "KeyIsNull",
              "spec.trigger.sql: the column \"key\" is null in %d of %d rows; every target needs one"
                  .formatted(row.getLong(3), row.getLong(1)));
        }
        return row.getLong(1) == row.getLong(2);
      }
    }
  }

  private void refuseOversized(Connection connection, long maxPayload)
      throws SQLException, Refused {
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
          throw new Refused(
              "PayloadTooLarge",
              "spec.trigger.sql: the payload of key \"%s\" has %d bytes, more than spec.job.maxPayload = %d bytes; select a reference to the data, or raise the limit"
                  .formatted(row.getString(1), row.getLong(2), maxPayload));
        }
      }
    }
  }

  private void hold(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.hold_selection(?, ?)")) {
      statement.setLong(1, run);
      statement.setLong(2, token);
      statement.execute();
    }
  }

  /** SQLSTATE: the selection was taken over by another process, or cancelled. */
  public static final String TAKEN_OVER = "KY003";
}
