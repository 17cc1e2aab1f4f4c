package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.SchemaState;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.sql.SQLException;

/** Keeps a release from working on a queue that it does not know. */
final class QueueSchema {
  private QueueSchema() {}

  /** Connections for a command of a few statements on a queue that this release knows. */
  static Database open(DatabaseAddress address, String purpose) throws SQLException {
    Database database = Database.direct(address, purpose);
    require(database);
    return database;
  }

  static void require(Database database) throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      SchemaState state = SchemaState.read(connection);
      if (!(state instanceof SchemaState.Current)) {
        throw new CommandProblem(ExitCode.TRY_AGAIN, state.sentence());
      }
    }
  }
}
