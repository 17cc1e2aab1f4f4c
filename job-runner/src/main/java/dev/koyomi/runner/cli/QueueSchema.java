package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.SchemaState;
import java.sql.Connection;
import java.sql.SQLException;

/** Keeps a release from working on a queue that it does not know. */
final class QueueSchema {
  private QueueSchema() {}

  static void require(Database database) throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      SchemaState state = SchemaState.read(connection);
      if (!(state instanceof SchemaState.Current)) {
        throw new CommandProblem(ExitCode.TRY_AGAIN, state.sentence());
      }
    }
  }
}
