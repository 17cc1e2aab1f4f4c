package dev.koyomi.runner.unit;

import dev.koyomi.runner.queue.Slices;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** After an error: rolls back and asks the queue how far the slice has come. */
final class Recovery {
  static final String ON_TIME = "select koyomi.on_time(?)";

  private Recovery() {}

  /** What is known after an error. */
  sealed interface State {
    /** The cursor stands here, so that the job at it is what broke. */
    record At(int position) implements State {}

    record Over(Stride stride) implements State {}
  }

  /**
   * Rolls back and looks.
   *
   * @param range what was being worked; what lies before it is committed
   * @param error what broke it
   * @param begun where the transaction may have begun that the error ended: elsewhere, an error of
   *     the fence is the queue's, and there the Unit's own
   */
  static State after(
      Connection connection,
      SessionSettings settings,
      Units.Range range,
      SQLException error,
      IntPredicate begun) {
    try {
      if (!connection.getAutoCommit()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
      if (settings.changed(connection)) {
        // A Unit that committed left them so, and this one may have failed for that alone.
        connection.abort(Runnable::run);
      }
      Optional<Integer> position = Slices.position(connection, range.slice());
      if (SqlFailure.readOnlyServer(error) && SessionSettings.readOnly(connection)) {
        return over(range, position, new Ending.Disconnected(error));
      }
      if (position.isEmpty()
          || (Slices.FENCED.equals(error.getSQLState()) && !begun.test(position.get()))) {
        return over(range, position, new Ending.Fenced());
      }
      return new State.At(position.get());
    } catch (SQLException gone) {
      gone.addSuppressed(error);
      return over(range, Optional.empty(), new Ending.Disconnected(error));
    }
  }

  /** Whether the permit ended before the job began; a Unit can raise the same error by itself. */
  static boolean permitLapsed(
      Connection connection, SQLException error, @Nullable OffsetDateTime until) {
    if (until == null || !Slices.PERMIT_LAPSED.equals(error.getSQLState())) {
      return false;
    }
    try {
      return Slices.over(connection, until);
    } catch (SQLException gone) {
      gone.addSuppressed(error);
      return true;
    }
  }

  private static State over(Units.Range range, Optional<Integer> position, Ending ending) {
    return new State.Over(
        new Stride(
            position.filter(at -> range.from() <= at && at <= range.to()).orElse(range.from()),
            ending));
  }
}
