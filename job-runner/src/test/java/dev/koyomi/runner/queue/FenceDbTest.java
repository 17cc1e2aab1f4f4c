package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.unit.Ending;
import java.sql.Connection;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** For each job, at most one commit of its Unit with its advance, whoever believes what. */
final class FenceDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private Billing billing;
  private Connection connection;
  private Workers workers;

  @BeforeEach
  void dispatchTenJobs() throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    connection = DATABASE.dataSource().getConnection();
    workers = new Workers(DATABASE.jdbi());
  }

  @AfterEach
  void close() throws SQLException {
    connection.setAutoCommit(true);
    connection.close();
  }

  private LeasedSlice lease(long worker) throws SQLException {
    return billing.lease(connection, worker).orElseThrow();
  }

  private long worker() {
    return workers.join("pod", Workers.Kind.Worker, billing.batchId());
  }

  private Ending work(LeasedSlice slice, int at) throws SQLException {
    return billing.work(connection, slice, at).ending();
  }

  private long invoices() {
    return billing.count("select count(*) from invoice");
  }

  @Test
  void commitsTheUnitTogetherWithTheCursor() throws Exception {
    LeasedSlice slice = lease(worker());

    assertThat(work(slice, 0)).isEqualTo(new Ending.Reached());

    assertThat(invoices()).isEqualTo(1);
    assertThat(billing.count("select position from koyomi.slice")).isEqualTo(1);
  }

  @Test
  void keepsAZombieFromCommitting() throws Exception {
    long zombie = worker();
    LeasedSlice held = lease(zombie);
    workers.leave(zombie);
    DATABASE.jdbi().useHandle(handle -> handle.execute("select koyomi.sweep()"));
    LeasedSlice taken = lease(worker());

    assertThat(work(held, 0)).isEqualTo(new Ending.Fenced());
    assertThat(invoices()).isZero();
    assertThat(work(taken, 0)).isEqualTo(new Ending.Reached());
    assertThat(work(held, 0)).isEqualTo(new Ending.Fenced());
    assertThat(invoices()).isEqualTo(1);
  }

  @Test
  void refusesThePositionThatWasWorkedBefore() throws Exception {
    LeasedSlice slice = lease(worker());
    work(slice, 0);

    assertThat(work(slice, 0)).isEqualTo(new Ending.Fenced());
    assertThat(invoices()).isEqualTo(1);
  }

  @Test
  void refusesAStepBeyondTheStop() throws Exception {
    LeasedSlice slice = lease(worker());
    work(slice, 0);

    assertThatThrownBy(
            () ->
                execute(
                    "select koyomi.begin_unit("
                        + slice.lease()
                        + "); select koyomi.advance("
                        + slice.id()
                        + ", "
                        + slice.lease()
                        + ", 1, 10)"))
        .isInstanceOf(SQLException.class)
        .hasMessageContaining("no longer at position");
  }

  /**
   * An UPDATE that matches nothing does not stop a COMMIT sent in the same flush; an exception
   * does.
   */
  @Test
  void stopsTheCommitBehindItInTheSameFlush() throws Exception {
    LeasedSlice slice = lease(worker());
    connection.setAutoCommit(false);

    assertThatThrownBy(
            () ->
                execute(
                    "select koyomi.begin_unit(%d); insert into invoice (subscription_id, amount) values (1, 1); select koyomi.advance(%d, %d, 5, 1); commit"
                        .formatted(slice.lease(), slice.id(), slice.lease())))
        .isInstanceOf(SQLException.class);
    connection.rollback();

    assertThat(invoices()).isZero();
  }

  @Test
  void findsAUnitThatCommittedByItself() throws Exception {
    LeasedSlice slice = lease(worker());
    connection.setAutoCommit(false);
    execute("select koyomi.begin_unit(%d)".formatted(slice.lease()));
    execute("insert into invoice (subscription_id, amount) values (1, 1)");
    connection.commit();

    assertThatThrownBy(
            () ->
                execute("select koyomi.advance(%d, %d, 0, 1)".formatted(slice.id(), slice.lease())))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(Slices.UNIT_COMMITTED));
  }

  @Test
  void letsNoUnitOfACancelledRunCommit() throws Exception {
    LeasedSlice slice = lease(worker());
    connection.setAutoCommit(false);
    execute(
        "select koyomi.begin_unit(%d); insert into invoice (subscription_id, amount) values (1, 1)"
            .formatted(slice.lease()));

    assertThat(billing.text("select koyomi.cancel_run(1, 'wrong month')::text")).isEqualTo("true");

    assertThatThrownBy(
            () ->
                execute(
                    "select koyomi.advance(%d, %d, 0, 1); commit"
                        .formatted(slice.id(), slice.lease())))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(Slices.FENCED));
    connection.rollback();
    assertThat(invoices()).isZero();
    assertThat(billing.count("select cancelled from koyomi.runs")).isEqualTo(10);
  }

  /**
   * Who is being declared lost at this moment must not lease: nobody would ever free that slice.
   */
  @Test
  void leasesNothingToAWorkerThatIsBeingDeclaredLost() throws Exception {
    long worker = worker();
    try (Rival sweeper = new Rival(DATABASE.dataSource());
        Rival leaser = new Rival(DATABASE.dataSource())) {
      sweeper.inOpenTransaction(
          open ->
              open.createStatement()
                  .executeUpdate(
                      "update koyomi.worker set lost_at = koyomi.now() where id = " + worker));
      var lease = leaser.blocked(waiting -> billing.lease(waiting, worker));
      sweeper.commit();

      assertThat(Rival.outcome(lease)).isEmpty();
    }
  }

  @Test
  void refusesADeadJobsRecordUnderALostLease() throws Exception {
    long zombie = worker();
    LeasedSlice held = lease(zombie);
    workers.leave(zombie);
    DATABASE.jdbi().useHandle(handle -> handle.execute("select koyomi.sweep()"));

    assertThatThrownBy(
            () ->
                billing
                    .slices()
                    .fail(
                        connection, held, 0, new JobFailure("X", "x", JobFailure.Kind.Dead), null))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(Slices.FENCED));
    assertThat(billing.count("select count(*) from koyomi.dead")).isZero();
  }

  private void execute(String sql) throws SQLException {
    try (var statement = connection.prepareStatement(sql)) {
      statement.execute();
    }
  }
}
