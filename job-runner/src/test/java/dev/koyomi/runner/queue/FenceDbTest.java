package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.unit.Ending;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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

  /** Of the job in the middle and of the last, by a Unit that has a connection and by SQL. */
  @ParameterizedTest
  @CsvSource({
    "another lease, 1, 0, 1",
    "another lease, 1, 0, 10",
    "a position before the cursor, 0, 0, 1",
    "a position before the cursor, 0, 0, 9",
    "a position behind the cursor, 0, 2, 1",
    "a position behind the cursor, 0, 2, 8"
  })
  void refusesAStepThatIsNotTheSlices(String what, int otherLease, int position, int jobs)
      throws Exception {
    LeasedSlice slice = lease(worker());
    if (otherLease == 0) {
      work(slice, 0);
    }
    long lease = slice.lease() + otherLease;
    String step = "koyomi.advance(%d, %d, %d, %d".formatted(slice.id(), lease, position, jobs);

    assertThatThrownBy(() -> execute("select " + step + ", null)"))
        .as(what)
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(Slices.FENCED));
    connection.setAutoCommit(false);
    execute("select koyomi.begin_unit(%d)".formatted(lease));
    assertThatThrownBy(() -> execute("select " + step + ")"))
        .as(what)
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(Slices.FENCED));
    connection.rollback();
  }

  /** Also where the row stands at the place at which the procedure saw it last. */
  @ParameterizedTest
  @CsvSource({
    "as leased, 0, 1, 2, 2",
    "another lease, 1, 1, 2, 1",
    "a position before the cursor, 0, 0, 2, 1",
    "a position behind the cursor, 0, 2, 3, 1",
    "the last step, 0, 1, 10, 1"
  })
  void theStepOfACompiledUnitMovesNothingThatIsNotTheSlices(
      String what, int otherLease, int from, int done, int cursor) throws Exception {
    LeasedSlice slice = lease(worker());
    work(slice, 0);

    execute(
        """
        do $do$
        declare
          koyomi_version tid := (select ctid from koyomi.slice where id = %1$d);
          koyomi_lease bigint := %2$d;
          koyomi_from int := %3$d;
          koyomi_done int := %4$d;
          koyomi_rows bigint := 1;
          koyomi_end timestamptz := 'infinity';
        begin
          %5$s
        end $do$
        """
            .formatted(
                slice.id(),
                slice.lease() + otherLease,
                from,
                done,
                billing.text("select step from koyomi.step_text()")));

    assertThat(billing.count("select position from koyomi.slice")).as(what).isEqualTo(cursor);
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
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("KY002"));
  }

  /** It began a transaction of its own for the next job, under the mark of another lease. */
  @Test
  void takesNoMarkOfAnotherLease() throws Exception {
    LeasedSlice slice = lease(worker());
    connection.setAutoCommit(false);
    execute("select koyomi.begin_unit(%d)".formatted(slice.lease() + 1));

    assertThatThrownBy(
            () ->
                execute("select koyomi.advance(%d, %d, 0, 1)".formatted(slice.id(), slice.lease())))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("KY002"));
    connection.rollback();
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

  @ParameterizedTest
  @ValueSource(strings = {"draining_at", "stopped_at", "lost_at"})
  void leasesNothingToAWorkerThatIsAboutToGo(String how) throws Exception {
    long worker = worker();
    billing.execute("update koyomi.worker set %s = koyomi.now()".formatted(how));

    assertThat(billing.lease(connection, worker)).isEmpty();
  }

  @Test
  void leasesNothingToAWorkerThatBeginsToDrain() throws Exception {
    long worker = worker();
    try (Rival drainer = new Rival(DATABASE.dataSource());
        Rival leaser = new Rival(DATABASE.dataSource())) {
      drainer.inOpenTransaction(
          open -> open.createStatement().execute("select koyomi.drain(%d)".formatted(worker)));
      var lease = leaser.blocked(waiting -> billing.lease(waiting, worker));
      assertThat(lease).isNotDone();
      drainer.commit();

      assertThat(Rival.outcome(lease)).isEmpty();
    }
  }

  /** What another session is taking is passed by; what is not yet due stays, though it is free. */
  @Test
  void leasesTheNextSliceThatIsDueAndWaitsForNobody() throws Exception {
    billing.execute(
        """
        insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at)
          select batch_id, run_id, chunk_id, stop, due_at + later
            from koyomi.slice, unnest('{0, 1h}'::interval[]) as later
        """);
    try (Rival taker = new Rival(DATABASE.dataSource())) {
      taker.inOpenTransaction(
          open ->
              open.createStatement().execute("select from koyomi.slice where id = 1 for update"));
      execute("set lock_timeout = '2s'");

      assertThat(lease(worker()).id()).isEqualTo(2);
      assertThat(billing.lease(connection, worker())).isEmpty();
      execute("reset lock_timeout");
    }
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

  /** What was done is counted once. */
  @Test
  void givesNothingBackThatIsBeingFreed() throws Exception {
    long worker = worker();
    LeasedSlice slice = lease(worker);
    work(slice, 0);
    try (Rival sweeper = new Rival(DATABASE.dataSource());
        Rival owner = new Rival(DATABASE.dataSource())) {
      sweeper.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "update koyomi.worker set stopped_at = koyomi.now(); select koyomi.sweep()"));
      var givenBack =
          owner.blocked(waiting -> billing.slices().giveBack(waiting, worker, slice.lease()));
      assertThat(givenBack).isNotDone();
      sweeper.commit();

      assertThat(Rival.outcome(givenBack)).isEmpty();
    }
    assertThat(billing.count("select sum(succeeded) from koyomi.work")).isEqualTo(1);
    assertThat(billing.count("select succeeded from koyomi.runs")).isEqualTo(1);
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

  /**
   * Leases of the past stay in the index of leased slices as long as somebody's snapshot needs
   * them; the fence would walk over all of them.
   */
  @Test
  void findsItsSliceByItsNumberOnly() throws Exception {
    try (Connection connection = DATABASE.dataSource().getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(
          """
          with run as (select id, batch_id from koyomi.run limit 1),
          chunk as (
            insert into koyomi.chunk (run_id, selector_token, size, keys, jobs)
              select id, 0, 1, '{k}', '[{}]' from run returning id)
          insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at)
            select run.batch_id, run.id, chunk.id, 1, now() from run, chunk, generate_series(1, 5000)
          """);
      statement.execute("analyze koyomi.slice");
      StringBuilder plan = new StringBuilder();
      try (ResultSet line =
          statement.executeQuery(
              "explain update koyomi.slice set position = 1 where id = 1 and lease = 1 and position"
                  + " = 0")) {
        while (line.next()) {
          plan.append(line.getString(1)).append('\n');
        }
      }
      assertThat(plan.toString()).contains("slice_pkey").doesNotContain("slice_leased");
    }
  }
}
