package dev.koyomi.operator.database;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.crds.BatchScheduleStatus.LastRun;
import dev.koyomi.crds.BatchScheduleStatus.Queue;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.status.Observed;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The real queue, over a small pool. */
public final class JdbcQueueClient implements QueueClient {
  private static final Logger LOG = LoggerFactory.getLogger(JdbcQueueClient.class);

  private static final Duration CONNECT = Duration.ofSeconds(5);
  private static final Duration ANSWER = Duration.ofSeconds(15);
  private static final Duration LOCK = Duration.ofSeconds(10);

  /** One for the poll, two for registrations. */
  private static final int CONNECTIONS = 3;

  private static final Set<String> NO_SCHEMA = Set.of("42P01", "3F000");

  private final DatabaseAddress address;
  private final HikariDataSource pool;

  private JdbcQueueClient(DatabaseAddress address, HikariDataSource pool) {
    this.address = address;
    this.pool = pool;
  }

  /** Opens the pool; connections come when they are needed. */
  public static JdbcQueueClient connect(DatabaseAddress address) {
    return connect(address, CONNECT);
  }

  static JdbcQueueClient connect(DatabaseAddress address, Duration patience) {
    HikariConfig config = new HikariConfig();
    config.setPoolName("queue of " + address);
    config.setDataSource(dataSource(address));
    config.setMaximumPoolSize(CONNECTIONS);
    config.setMinimumIdle(0);
    config.setConnectionTimeout(patience.toMillis());
    config.setInitializationFailTimeout(-1);
    return new JdbcQueueClient(address, new HikariDataSource(config));
  }

  private static PGSimpleDataSource dataSource(DatabaseAddress address) {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setServerNames(
        address.servers().stream().map(DatabaseAddress.Server::host).toArray(String[]::new));
    source.setPortNumbers(
        address.servers().stream().mapToInt(DatabaseAddress.Server::port).toArray());
    source.setDatabaseName(address.database());
    source.setUser(address.username());
    source.setPassword(address.password());
    source.setApplicationName("koyomi operator");
    source.setConnectTimeout((int) CONNECT.toSeconds());
    source.setLoginTimeout((int) CONNECT.toSeconds());
    source.setSocketTimeout((int) ANSWER.toSeconds() * 2);
    source.setTcpKeepAlive(true);
    source.setTargetServerType("primary");
    // Works behind PgBouncer in transaction mode.
    source.setPrepareThreshold(0);
    try {
      for (Map.Entry<String, String> parameter : address.parameters().entrySet()) {
        source.setProperty(parameter.getKey(), parameter.getValue());
      }
    } catch (SQLException e) {
      throw new IllegalStateException("Only parameters that the driver knows are followed.", e);
    }
    return source;
  }

  @Override
  public Schema schema() throws QueueProblem {
    return query(
        // The row as a whole: the first release has neither version nor installation.
        """
        select coalesce((to_jsonb(m) ->> 'version')::int, schema_version), schema_version,
               to_jsonb(m) ->> 'installation'
        from koyomi.meta m
        """,
        statement -> {
          try (ResultSet row = statement.executeQuery()) {
            return row.next()
                ? new Schema(row.getInt(1), row.getInt(2), Optional.ofNullable(row.getString(3)))
                : Schema.NONE;
          } catch (SQLException e) {
            if (NO_SCHEMA.contains(e.getSQLState())) {
              statement.getConnection().rollback();
              return Schema.NONE;
            }
            throw e;
          }
        });
  }

  @Override
  public String claim(String installation) throws QueueProblem {
    return query(
        "select koyomi.claim_installation(?)",
        statement -> {
          statement.setString(1, installation);
          try (ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getString(1);
          }
        });
  }

  @Override
  public void register(Registration registration) throws QueueProblem {
    query(
        "select koyomi.register(?, ?, ?, ?, cast(? as jsonb))",
        statement -> {
          statement.setString(1, registration.batch().toString());
          statement.setString(2, registration.incarnation());
          statement.setLong(3, registration.generation());
          statement.setBoolean(4, registration.suspended());
          statement.setString(5, registration.definition());
          return statement.execute();
        });
  }

  @Override
  public void sweep() throws QueueProblem {
    query("select koyomi.sweep()", PreparedStatement::execute);
    try {
      query("select koyomi.prune()", PreparedStatement::execute);
    } catch (QueueProblem problem) {
      // What is old may stay a little longer; whether the queue can be reached, the next question
      // shows.
      LOG.atWarn()
          .addKeyValue("cause", problem.getMessage())
          .log("deleting what is old failed; it is tried again with the next look");
    }
  }

  @Override
  public Map<BatchName, Observed> look(Set<BatchName> batches) throws QueueProblem {
    return query(
        """
        select b.batch, b.waiting, b.running, b.retrying, b.dead as needs_attention,
               r.id, r.attempt, r.occurrence, r.logical_date, r.state, coalesce(r.message, r.reason) as why,
               r.selected, r.succeeded, r.skipped, r.dead
        from koyomi.backlog b
        left join lateral (
          select * from koyomi.runs newest where newest.batch = b.batch order by newest.id desc limit 1) r on true
        where b.batch = any (?)
        """,
        statement -> {
          Object[] names = batches.stream().map(BatchName::toString).toArray();
          statement.setArray(1, statement.getConnection().createArrayOf("text", names));
          Map<BatchName, Observed> seen = new HashMap<>();
          try (ResultSet row = statement.executeQuery()) {
            while (row.next()) {
              seen.put(BatchName.parse(row.getString("batch")), observed(row));
            }
          }
          return seen;
        });
  }

  private static Observed observed(ResultSet row) throws SQLException {
    Queue queue =
        new Queue(
            row.getLong("waiting"),
            row.getLong("running"),
            row.getLong("retrying"),
            row.getLong("needs_attention"));
    long run = row.getLong("id");
    if (row.wasNull()) {
      return new Observed(Optional.empty(), queue);
    }
    LastRun shown =
        new LastRun(
            row.getObject("occurrence", OffsetDateTime.class).toInstant().toString(),
            row.getString("logical_date"),
            row.getString("state"),
            row.getString("why"),
            number(row, "selected"),
            number(row, "succeeded"),
            number(row, "skipped"),
            number(row, "dead"));
    return new Observed(Optional.of(new Observed.Run(run, row.getInt("attempt"), shown)), queue);
  }

  private static @Nullable Long number(ResultSet row, String column) throws SQLException {
    long value = row.getLong(column);
    return row.wasNull() ? null : value;
  }

  private <T> T query(String sql, Work<T> work) throws QueueProblem {
    try (Connection connection = pool.getConnection()) {
      connection.setAutoCommit(false);
      limit(connection);
      T answer;
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        statement.setQueryTimeout((int) ANSWER.toSeconds());
        answer = work.with(statement);
      }
      // A transaction that did not get here is rolled back by the pool.
      connection.commit();
      return answer;
    } catch (SQLException e) {
      throw QueueProblem.of(address, e);
    }
  }

  /**
   * For this transaction alone: behind a transaction pooler the next one is somebody else's
   * session. The server ends by itself what an operator that is gone has begun.
   */
  private static void limit(Connection connection) throws SQLException {
    try (PreparedStatement settings =
        connection.prepareStatement(
            // A role may have another isolation, in which the queue's functions would not see what
            // was committed while they waited for a lock.
            """
            set transaction isolation level read committed;
            select set_config('statement_timeout', ?, true),
                   set_config('lock_timeout', ?, true),
                   set_config('idle_in_transaction_session_timeout', ?, true),
                   case when current_setting('client_connection_check_interval', true) is not null
                             and version() !~* 'visual c|mingw|darwin'
                        then set_config('client_connection_check_interval', '5s', true) end
            """)) {
      settings.setString(1, Long.toString(ANSWER.toMillis()));
      settings.setString(2, Long.toString(LOCK.toMillis()));
      settings.setString(3, Long.toString(ANSWER.toMillis()));
      settings.execute();
    }
  }

  private interface Work<T> {
    T with(PreparedStatement statement) throws SQLException;
  }

  @Override
  public void close() {
    pool.close();
  }
}
