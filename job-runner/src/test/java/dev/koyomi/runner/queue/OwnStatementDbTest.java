package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The limit of a Unit is not that of the queue's own statements on the same session. */
final class OwnStatementDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String WAITS_LONG =
      "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type"
          + " = 'Lock' and clock_timestamp() - query_start > interval '300 milliseconds'";

  /** What a slot asks. */
  interface Asked {
    Object of(Billing billing, Connection connection, Slices.Ask ask) throws SQLException;
  }

  static Stream<Arguments> asked() {
    return Stream.of(
        Arguments.of(
            "lease", (Asked) (billing, connection, ask) -> billing.slices().lease(connection, ask)),
        Arguments.of(
            "finish and lease",
            (Asked)
                (billing, connection, ask) -> billing.slices().finishAndLease(connection, 0, ask)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("asked")
  void waitsLongerThanAUnitMay(String name, Asked asked) throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    billing.fire();
    Slices.Ask ask =
        new Slices.Ask(billing.join(), 7, false, true, List.of(), true, Integer.MAX_VALUE);
    try (Rival keeper = new Rival(DATABASE.dataSource());
        Rival slot = new Rival(DATABASE.dataSource())) {
      slot.connection().createStatement().execute("set statement_timeout = '100ms'");
      keeper.inOpenTransaction(
          open -> open.createStatement().execute("select from koyomi.worker for update"));
      var answer = slot.blocked(connection -> asked.of(billing, connection, ask));
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (!answer.isDone() && billing.count(WAITS_LONG) == 0) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.onSpinWait();
      }
      keeper.commit();

      assertThat(Rival.outcome(answer)).as(name).isInstanceOf(LeaseAnswer.Leased.class);
      assertThat(timeout(slot.connection())).isEqualTo("100ms");
      slot.connection().createStatement().execute("reset statement_timeout");
    }
  }

  private static String timeout(Connection connection) throws SQLException {
    try (var row = connection.createStatement().executeQuery("show statement_timeout")) {
      row.next();
      return row.getString(1);
    }
  }

  /** Its statements are sent together, and their results are told apart. */
  @Test
  void givesTheAnswerOfTheStatementItself() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    billing.fire();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      long worker = billing.join();
      LeasedSlice slice = billing.lease(connection, worker).orElseThrow();
      assertThat(Slices.position(connection, slice)).contains(0);
      assertThat(billing.slices().giveBack(connection, worker, slice.lease()))
          .contains(slice.run());
    }
  }
}
