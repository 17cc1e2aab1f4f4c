package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.sql.SqlText;
import dev.koyomi.runner.db.Transaction;
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
  private final boolean rest;
  private final WrittenChunks chunks;

  public Selection(Opening.Select opened) {
    this.run = opened.run();
    this.token = opened.token();
    this.rest = opened.rest();
    this.chunks = new WrittenChunks(run, token);
  }

  /**
   * What was selected.
   *
   * @param selected distinct targets
   * @param duplicates rows that named a target a second time
   * @param settled distinct targets that were left out, as the run has done or still has them
   */
  public record Counts(long selected, long duplicates, long settled) {}

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
    return committed(
        connection, plan, lanes -> ofQuery(connection, plan, trigger, parameters, lanes));
  }

  Payload ofQuery(
      Connection connection,
      Plan plan,
      Plan.Selection trigger,
      ChunkInsert.Parameters parameters,
      int lanes)
      throws SQLException, Refused {
    Payload payload = described(connection, plan, trigger, parameters);
    new ChunkInsert(payload, lanes).ofQuery(connection, run, token, trigger, parameters);
    return payload;
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
    return committed(connection, plan, _ -> ofOther(connection, source, plan, trigger, parameters));
  }

  Payload ofOther(
      Connection connection,
      Connection source,
      Plan plan,
      Plan.Selection trigger,
      ChunkInsert.Parameters parameters)
      throws SQLException, Refused {
    source.setAutoCommit(false);
    source.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    source.setReadOnly(true);
    limitTime(source, trigger.timeout());
    Payload payload = described(source, plan, trigger, parameters);
    try (ChunkCopy copy = new ChunkCopy(connection, run, token, payload)) {
      ForeignRows.copy(source, payload, trigger, parameters, copy);
      copy.end();
    }
    source.rollback();
    return payload;
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
    return committed(
        connection,
        plan,
        _ -> {
          Payload payload = Payload.of(names, kinds, plan.unit().sql().needed());
          try (ChunkCopy copy = new ChunkCopy(connection, run, token, payload)) {
            rows.into(copy);
            copy.end();
          }
          return payload;
        });
  }

  /** Writes the chunks. */
  interface Writing {
    Payload write(int lanes) throws SQLException, Refused;
  }

  private Counts committed(Connection connection, Plan plan, Writing writing)
      throws SQLException, Refused {
    int lanes = lanes(connection);
    return Transaction.<Counts, Refused>committed(
        connection,
        () -> {
          limitTime(connection, Objects.requireNonNull(plan.trigger()).timeout());
          Written anew = written(connection, plan, lanes, writing);
          Counts counts = rest ? withoutSettled(connection, anew, run) : anew.counts;
          hold(connection);
          return counts;
        });
  }

  /**
   * Chunks that may be dispatched.
   *
   * @param insert writes them anew
   */
  record Written(Counts counts, ChunkInsert insert) {}

  /**
   * Lanes that the batch has as it is registered; this process's definition may be older. While the
   * run selects, the order cannot change: who is about to change it is waited for.
   */
  private int lanes(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            select b.lanes from koyomi.run r join koyomi.batch b on b.id = r.batch_id where r.id = ? for share of b
            """)) {
      statement.setLong(1, run);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getInt(1);
      }
    }
  }

  Written written(Connection connection, Plan plan, int lanes, Writing writing)
      throws SQLException, Refused {
    int maxJobs = Objects.requireNonNull(plan.trigger()).maxJobs();
    ChunkInsert insert = new ChunkInsert(writing.write(lanes), lanes);
    WrittenChunks.Seen raw = chunks.look(connection);
    if (raw.jobs() > maxJobs) {
      throw new Refused(
          "TooManyJobs",
          "the trigger selected more than spec.trigger.maxJobs = %d targets and nothing was enqueued; narrow the query or raise the limit"
              .formatted(maxJobs));
    }
    boolean distinct = raw.rising() || chunks.distinct(connection);
    if (raw.largest() > plan.job().maxPayload()) {
      chunks.refuseOversized(connection, plan.job().maxPayload());
    }
    boolean cutWell = raw.largest() <= 2L * ChunkInsert.BYTES;
    boolean lanesMissing = lanes > 0 && !raw.inLanes();
    long kept = raw.jobs();
    if (!distinct || !cutWell || lanesMissing) {
      insert.ofChunks(connection, run, token, null);
      kept = chunks.look(connection).jobs();
    }
    return new Written(new Counts(kept, raw.jobs() - kept, 0), insert);
  }

  /** Leaves out what the run has done or still has. */
  Counts withoutSettled(Connection connection, Written written, long of) throws SQLException {
    written.insert.ofChunks(connection, run, token, of);
    long unsettled = chunks.look(connection).jobs();
    return new Counts(unsettled, written.counts.duplicates, written.counts.selected - unsettled);
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
   * Jobs of the run that need attention and were selected again are set aside: retried later, they
   * would be done a second time.
   */
  public void dispatch(Connection connection, Counts counts, boolean failWhenEmpty)
      throws SQLException {
    Transaction.<Boolean, SQLException>committed(
        connection,
        () -> {
          try (PreparedStatement statement =
              connection.prepareStatement("select koyomi.dispatch(?, ?, ?, ?, ?)")) {
            statement.setLong(1, run);
            statement.setLong(2, token);
            statement.setLong(3, counts.selected);
            statement.setLong(4, counts.duplicates);
            statement.setBoolean(5, failWhenEmpty);
            return statement.execute();
          }
        });
  }

  /**
   * Ends the selection, unless somebody else selects by now: the run is Failed, goes on with what
   * it had selected before, or is Cancelled again where it was.
   */
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
  static void limitTime(Connection connection, Duration timeout) throws SQLException {
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

  /** SQLSTATE: the queue refuses what a person asks for, with a sentence. */
  public static final String REFUSED = "KY004";
}
