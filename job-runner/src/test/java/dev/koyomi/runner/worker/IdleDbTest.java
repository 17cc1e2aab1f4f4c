package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.LeaseAnswer;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An idle system writes nothing but heartbeats. */
final class IdleDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  @Test
  void leasesAndSweepsWithoutATransactionIdWhenNothingIsReady() throws Exception {
    Billing billing = Billing.with(DATABASE, 1);
    long worker = new Workers(DATABASE.jdbi()).join("pod", Workers.Kind.Worker, billing.batchId());
    Slices slices = billing.slices();
    // The beat is not due: by it heartbeats are counted.
    billing.execute("update koyomi.meta set beat_at = koyomi.now()");
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      connection.setAutoCommit(false);

      assertThat(
              slices.lease(
                  connection,
                  new Slices.Ask(worker, 1, false, true, List.of(), true, Integer.MAX_VALUE)))
          .isEqualTo(new LeaseAnswer.Nothing());
      assertThat(slices.untilNextDue(connection, billing.batchId(), List.of())).isEmpty();
      connection.createStatement().execute("select koyomi.sweep()");

      try (var row =
          connection
              .createStatement()
              .executeQuery("select pg_current_xact_id_if_assigned() is null")) {
        row.next();
        assertThat(row.getBoolean(1)).as("nothing was written, no row was locked").isTrue();
      }
      connection.rollback();
      connection.setAutoCommit(true);
    }
  }

  /** Nobody knows when they may be had: such a batch is looked at as often as an empty one. */
  @Test
  void jobsThatNobodyMayTakeAreNotDue() throws Exception {
    Billing billing = Billing.with(DATABASE, 1);
    billing.fire();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      assertThat(billing.slices().untilNextDue(connection, billing.batchId(), List.of()))
          .contains(Duration.ZERO);

      billing.text("select koyomi.pause(%d, 'me', 'test')::text".formatted(billing.batchId()));
      assertThat(billing.slices().untilNextDue(connection, billing.batchId(), List.of())).isEmpty();

      billing.execute("update koyomi.batch set paused_at = null");
      billing.execute("update koyomi.slice set suspect = 1");
      assertThat(billing.slices().untilNextDue(connection, billing.batchId(), List.of())).isEmpty();

      billing.execute("update koyomi.slice set due_at = koyomi.now() + interval '1 hour'");
      assertThat(
              billing.slices().untilNextDue(connection, billing.batchId(), List.of()).orElseThrow())
          .isBetween(Duration.ofMinutes(50), Duration.ofHours(1));
    }
  }
}
