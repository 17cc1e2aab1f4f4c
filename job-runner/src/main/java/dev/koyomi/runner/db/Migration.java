package dev.koyomi.runner.db;

import dev.koyomi.crds.SchemaVersion;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;

/**
 * Brings the queue's schema up to date; the only thing that changes it.
 *
 * <p>Its tables are locked for as long as that takes: moments where they are small, and else for as
 * long as indexes over them are built. Everybody waits behind a lock that is waited for, so a try
 * that does not get its locks at once is given up, and made again when the others had their turn.
 * How long it waits stands at the beginning of each migration.
 */
public final class Migration {
  /** Held while the schema changes, so that one of several processes does it. */
  private static final long LOCK = 0x6b6f_796f_6d69L;

  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(1);

  /** Ten minutes at least. */
  private static final int TRIES = 600;

  /** SQLStates: no lock within the time, deadlock. */
  private static final Set<String> IN_THE_WAY = Set.of("55P03", "40P01");

  private final Database database;
  private final Waiting waiting;

  /** Waits for others without a word. */
  public Migration(Database database) {
    this(database, (_, pause) -> Thread.sleep(pause));
  }

  public Migration(Database database, Waiting waiting) {
    this.database = database;
    this.waiting = waiting;
  }

  /** How a migration waits while transactions of others use the queue's tables. */
  public interface Waiting {
    /**
     * Lets time pass between two tries.
     *
     * @param sentence who is waited for
     */
    void await(String sentence, Duration pause) throws InterruptedException;
  }

  /** What {@link #run} found and did. */
  public sealed interface Outcome {
    record UpToDate() implements Outcome {}

    record Migrated(int from, int to) implements Outcome {}

    record Refused(SchemaState.Ahead state) implements Outcome {}

    /** Nothing was changed: the schema is somebody else's. */
    record Foreign(String sentence) implements Outcome {}

    /** Nothing was changed: others used the tables all the time. */
    record InUse(String sentence) implements Outcome {}
  }

  public Outcome run() throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      return switch (SchemaState.read(connection)) {
        case SchemaState.Current() -> new Outcome.UpToDate();
        case SchemaState.Ahead ahead -> new Outcome.Refused(ahead);
        case SchemaState.Behind(int version) -> alone(connection, version);
      };
    }
  }

  private Outcome alone(Connection connection, int version) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      // For as long as another process migrates; what changes the schema has a shorter limit.
      statement.execute("set lock_timeout = 0");
      statement.execute("select pg_advisory_lock(%d)".formatted(LOCK));
      try {
        if (version == 0) {
          Optional<String> foreign = foreign(statement);
          if (foreign.isPresent()) {
            return new Outcome.Foreign(
                "The schema koyomi of this database holds something else, such as %s, and no queue: move that away, or name another database. Nothing was changed."
                    .formatted(foreign.get()));
          }
          makeSchema(statement);
        }
        return migrate(connection, version);
      } finally {
        statement.execute("select pg_advisory_unlock(%d)".formatted(LOCK));
      }
    }
  }

  /** Something in our schema that no migration of ours has made; they make it all or nothing. */
  private static Optional<String> foreign(Statement statement) throws SQLException {
    try (ResultSet row =
        statement.executeQuery(
            """
            select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'koyomi' and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> 'schema_history'
              order by c.relname limit 1
            """)) {
      return row.next() ? Optional.of(row.getString(1)) : Optional.empty();
    }
  }

  /** Flyway would try for ten seconds where the right is missing. */
  private static void makeSchema(Statement statement) throws SQLException {
    try (ResultSet row = statement.executeQuery("select to_regnamespace('koyomi') is not null")) {
      if (row.next() && row.getBoolean(1)) {
        return;
      }
    }
    statement.execute("create schema koyomi");
  }

  private Outcome migrate(Connection connection, int version) throws SQLException {
    String sentence = "";
    for (int attempt = 1; attempt <= TRIES; attempt++) {
      try {
        flyway().migrate();
        return new Outcome.Migrated(version, SchemaVersion.CURRENT);
      } catch (FlywayException failed) {
        if (!inTheWay(failed)) {
          throw failed;
        }
        sentence = inTheWay(connection);
      }
      try {
        waiting.await(sentence, BETWEEN_TRIES);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    return new Outcome.InUse(sentence);
  }

  private Flyway flyway() {
    return Flyway.configure()
        .dataSource(database.dataSource())
        .defaultSchema("koyomi")
        .createSchemas(false)
        .table("schema_history")
        .locations("classpath:db/migration")
        // One transaction: a version is there as a whole or not at all.
        .group(true)
        .load();
  }

  private static boolean inTheWay(Throwable failed) {
    return Stream.<Throwable>iterate(failed, each -> each != null, Throwable::getCause)
        .anyMatch(
            each -> each instanceof SQLException sql && IN_THE_WAY.contains(sql.getSQLState()));
  }

  /** The oldest of the transactions that use the queue's tables, in words. */
  private static String inTheWay(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                select format('Process %s of the server%s%s uses the queue''s tables', a.pid,
                              ' (' || nullif(a.application_name, '') || ')',
                              ', in a transaction since ' || to_char(a.xact_start at time zone 'UTC', 'HH24:MI:SS "UTC"') || ',')
                  from pg_locks l
                  join pg_class c on c.oid = l.relation
                  join pg_stat_activity a on a.pid = l.pid
                  where l.granted and c.relnamespace = to_regnamespace('koyomi') and a.datname = current_database()
                    and a.pid <> pg_backend_pid()
                  order by a.xact_start limit 1
                """)) {
      return "%s: the migration waits for its turn, and jobs go on meanwhile."
          .formatted(row.next() ? row.getString(1) : "The queue's tables are in use");
    }
  }
}
