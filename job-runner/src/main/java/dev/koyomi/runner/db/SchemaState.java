package dev.koyomi.runner.db;

import dev.koyomi.crds.SchemaVersion;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;

/** How the queue's schema in the database compares with the one that this release works with. */
public sealed interface SchemaState {
  /** They are the same, or the database's is newer in ways that this release need not know. */
  record Current() implements SchemaState {}

  /** The database's is older, or missing with version 0; {@code migrate} changes that. */
  record Behind(int version) implements SchemaState {}

  /** The database's was made by a newer release, which this one cannot work with. */
  record Ahead(int version) implements SchemaState {}

  /** SQLStates of a missing table and a missing schema. */
  Set<String> MISSING = Set.of("42P01", "3F000");

  /** One cheap query. */
  static SchemaState read(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        // The row as a whole: the first release has no column version yet.
        var row =
            statement.executeQuery(
                "select coalesce(to_jsonb(m) ->> 'version', '1')::int, schema_version from"
                    + " koyomi.meta m")) {
      return row.next() ? of(row.getInt(1), row.getInt(2)) : of(0, 0);
    } catch (SQLException failed) {
      if (MISSING.contains(failed.getSQLState())) {
        return of(0, 0);
      }
      throw failed;
    }
  }

  /**
   * @param oldest what a release must know at least to work with this schema
   */
  private static SchemaState of(int version, int oldest) {
    if (version < SchemaVersion.CURRENT) {
      return new Behind(version);
    }
    return oldest <= SchemaVersion.CURRENT ? new Current() : new Ahead(version);
  }

  /** What a person reads when this state keeps a command from working. */
  default String sentence() {
    return switch (this) {
      case Current() ->
          "The queue's schema has version %d, as needed.".formatted(SchemaVersion.CURRENT);
      case Behind(int version) when version == 0 ->
          "The database has no queue yet (schema koyomi): run `koyomi migrate`.";
      case Behind(int version) ->
          "The queue's schema has version %d, this release needs %d: run `koyomi migrate`."
              .formatted(version, SchemaVersion.CURRENT);
      case Ahead(int version) ->
          "The queue's schema has version %d, this release knows only %d: use the newer release that made it."
              .formatted(version, SchemaVersion.CURRENT);
    };
  }
}
