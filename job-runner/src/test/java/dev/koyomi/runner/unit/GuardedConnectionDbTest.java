package dev.koyomi.runner.unit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The transaction is the runner's: nothing that a Unit holds leads out of it. */
final class GuardedConnectionDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  interface Call {
    void on(Connection connection) throws SQLException;
  }

  record Forbidden(String name, Call call) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Stream<Forbidden> forbidden() {
    return Stream.of(
        new Forbidden("commit", Connection::commit),
        new Forbidden("rollback", Connection::rollback),
        new Forbidden("close", Connection::close),
        new Forbidden("setAutoCommit", guarded -> guarded.setAutoCommit(true)),
        new Forbidden("setSavepoint", Connection::setSavepoint),
        new Forbidden("unwrap", guarded -> guarded.unwrap(Connection.class)),
        new Forbidden("abort", guarded -> guarded.abort(Runnable::run)),
        new Forbidden(
            "the statement's way back",
            guarded -> guarded.createStatement().getConnection().commit()),
        new Forbidden(
            "the prepared statement's way back",
            guarded -> guarded.prepareStatement("select 1").getConnection().commit()),
        new Forbidden(
            "the statement's inside",
            guarded -> guarded.createStatement().unwrap(java.sql.Statement.class)));
  }

  @ParameterizedTest
  @MethodSource("forbidden")
  void refusesWhatEndsOrEscapesTheTransaction(Forbidden forbidden) throws Exception {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      assertThatThrownBy(() -> forbidden.call.on(GuardedConnection.of(connection)))
          .isInstanceOf(SQLException.class)
          .hasMessageStartingWith("a Unit may not ");
      assertThat(connection.isClosed()).isFalse();
      connection.rollback();
      connection.setAutoCommit(true);
    }
  }

  @Test
  void letsTheUnitWorkAndTellsItsErrorsAsTheyAre() throws Exception {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      Connection guarded = GuardedConnection.of(connection);
      try (var row = guarded.createStatement().executeQuery("select 7")) {
        assertThat(row.next()).isTrue();
        assertThat(row.getInt(1)).isEqualTo(7);
      }
      assertThatThrownBy(() -> guarded.prepareStatement("select 1 / 0").executeQuery())
          .isInstanceOfSatisfying(
              SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("22012"));
    }
  }
}
