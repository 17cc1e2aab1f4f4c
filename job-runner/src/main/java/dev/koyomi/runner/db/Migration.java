package dev.koyomi.runner.db;

import dev.koyomi.crds.SchemaVersion;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.flywaydb.core.Flyway;

/** Brings the queue's schema up to date; the only thing that changes it. */
public final class Migration {
  /** Held while the schema changes, so that one of several processes does it. */
  private static final long LOCK = 0x6b6f_796f_6d69L;

  private final Database database;

  public Migration(Database database) {
    this.database = database;
  }

  /** What {@link #run} found and did. */
  public sealed interface Outcome {
    record UpToDate() implements Outcome {}

    record Migrated(int from, int to) implements Outcome {}

    record Refused(SchemaState.Ahead state) implements Outcome {}
  }

  public Outcome run() throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      return switch (SchemaState.read(connection)) {
        case SchemaState.Current() -> new Outcome.UpToDate();
        case SchemaState.Ahead ahead -> new Outcome.Refused(ahead);
        case SchemaState.Behind(int version) -> migrate(connection, version);
      };
    }
  }

  private Outcome migrate(Connection connection, int version) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      // For as long as another process migrates; what changes the schema has a shorter limit.
      statement.execute("set lock_timeout = 0");
      statement.execute("select pg_advisory_lock(%d)".formatted(LOCK));
      try {
        Flyway.configure()
            .dataSource(database.dataSource())
            .defaultSchema("koyomi")
            .table("schema_history")
            .locations("classpath:db/migration")
            // One transaction: a version is there as a whole or not at all.
            .group(true)
            .load()
            .migrate();
      } finally {
        statement.execute("select pg_advisory_unlock(%d)".formatted(LOCK));
      }
    }
    return new Outcome.Migrated(version, SchemaVersion.CURRENT);
  }
}
