package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the schema does for workers of release 0.1.0; their processes: package releases. */
final class OldReleaseDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String ALIVE =
      "select count(*) from koyomi.worker where release = 1 and stopped_at is null";

  private Billing billing;

  @BeforeEach
  void makeABatch() {
    billing = Billing.with(DATABASE, 10);
  }

  private String join() {
    return "select koyomi.join_as('old', 'Worker', %d)".formatted(billing.batchId());
  }

  private static void execute(Connection connection, String sql) throws Exception {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** It may not slip in between the look at the batch and the commit of the pause. */
  @Test
  void refusesAnOldWorkerThatJoinsWhileItsBatchIsBeingPaused() throws Exception {
    try (Connection person = DATABASE.dataSource().getConnection();
        Connection worker = DATABASE.dataSource().getConnection();
        var threads = Executors.newSingleThreadExecutor()) {
      person.setAutoCommit(false);
      execute(person, "select koyomi.pause(%d, 'me', 'why')".formatted(billing.batchId()));
      Future<?> joining =
          threads.submit(
              () -> {
                execute(worker, join());
                return null;
              });
      awaitSomebodyWaits(joining);
      person.commit();

      assertThatThrownBy(() -> joining.get(60, TimeUnit.SECONDS))
          .rootCause()
          .hasMessageContaining("release 0.1.0, which does not know a pause");
      assertThat(billing.count(ALIVE)).isZero();
    }
  }

  /** The other way round: who joins first is seen and retired. */
  @Test
  void retiresAnOldWorkerThatJoinedJustBefore() throws Exception {
    try (Connection person = DATABASE.dataSource().getConnection();
        Connection worker = DATABASE.dataSource().getConnection();
        var threads = Executors.newSingleThreadExecutor()) {
      worker.setAutoCommit(false);
      execute(worker, join());
      Future<?> pausing =
          threads.submit(
              () -> {
                execute(
                    person, "select koyomi.pause(%d, 'me', 'why')".formatted(billing.batchId()));
                return null;
              });
      awaitSomebodyWaits(pausing);
      worker.commit();

      pausing.get(60, TimeUnit.SECONDS);
      assertThat(billing.count(ALIVE)).isZero();
    }
  }

  private void awaitSomebodyWaits(Future<?> who) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (billing.count(
            "select count(*) from pg_locks where locktype = 'advisory' and not granted and"
                + " database = (select oid from pg_database where datname = current_database())")
        == 0) {
      assertThat(who.isDone() || System.nanoTime() > deadline).as("nobody waits").isFalse();
      Thread.onSpinWait();
    }
  }
}
