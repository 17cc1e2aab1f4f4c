package dev.koyomi.runner.unit;

import dev.koyomi.runner.queue.Slices;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;

/** After an error: rolls back and asks the queue how far the slice has come. */
final class Recovery {
  private Recovery() {}

  /** What is known after an error. */
  sealed interface State {
    /** The cursor stands here, so that the job at it is what broke. */
    record At(int position) implements State {}

    record Over(Stride stride) implements State {}
  }

  /**
   * @param range what was being worked
   * @param error what broke it
   */
  static State after(Connection connection, Units.Range range, SQLException error) {
    try {
      if (!connection.getAutoCommit()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
      if (SqlFailure.readOnlyServer(error)) {
        return over(range, new Ending.Disconnected(error));
      }
      Optional<Integer> position = Slices.position(connection, range.slice());
      if (position.isEmpty() || Slices.FENCED.equals(error.getSQLState())) {
        return over(range, new Ending.Fenced());
      }
      return new State.At(position.get());
    } catch (SQLException gone) {
      gone.addSuppressed(error);
      return over(range, new Ending.Disconnected(error));
    }
  }

  private static State over(Units.Range range, Ending ending) {
    return new State.Over(new Stride(range.from(), ending));
  }
}
