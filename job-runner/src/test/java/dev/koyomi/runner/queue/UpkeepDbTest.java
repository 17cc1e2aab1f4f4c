package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of slices, retries and runs when nobody tends them any more. */
final class UpkeepDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final Duration BEAT = Duration.ofSeconds(5);
  private static final JobFailure FAILURE = new JobFailure("X", "broken", JobFailure.Kind.Dead);

  private Billing billing;
  private Workers workers;
  private TestClock clock;

  @BeforeEach
  void dispatchTwoChunks() throws Exception {
    billing = Billing.with(DATABASE, 1000);
    workers = new Workers(DATABASE.jdbi());
    clock = DATABASE.stopClock();
    billing.fire();
  }

  private long worker() {
    return workers.join("pod", Workers.Kind.Worker, billing.batchId());
  }

  private void sweep() {
    DATABASE.jdbi().useHandle(handle -> handle.execute("select koyomi.sweep()"));
    DATABASE.jdbi().useHandle(handle -> handle.execute("select koyomi.prune()"));
  }

  private void beats(int number) {
    for (int i = 0; i < number; i++) {
      clock.advance(BEAT);
      sweep();
    }
  }

  private <T> T connected(Rival.Work<T> work) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      return work.on(connection);
    }
  }

  private LeasedSlice lease(long worker) throws SQLException {
    return connected(connection -> billing.lease(connection, worker)).orElseThrow();
  }

  private void fail(LeasedSlice slice, int at, @Nullable Duration retryAfter) throws SQLException {
    connected(
        connection -> {
          billing.slices().fail(connection, slice, at, FAILURE, retryAfter);
          return at;
        });
  }

  private long leased() {
    return billing.count("select count(*) from koyomi.slice where lease is not null");
  }

  @Test
  void freesEverySliceOfALostWorkerAtItsCursorAndLogsWhatWasDone() throws Exception {
    long worker = worker();
    LeasedSlice first = lease(worker);
    lease(worker);
    connected(
        connection -> {
          connection.setAutoCommit(false);
          connection
              .createStatement()
              .execute(
                  "select koyomi.begin_unit(%d); select koyomi.advance(%d, %d, 0, 7)"
                      .formatted(first.lease(), first.id(), first.lease()));
          connection.commit();
          connection.setAutoCommit(true);
          return 0;
        });
    fail(first, 7, Duration.ofHours(1));

    beats(5);
    assertThat(leased()).isEqualTo(2);
    beats(1);

    assertThat(leased()).isZero();
    assertThat(billing.text("select first || '-' || stop || ' ' || succeeded from koyomi.work"))
        .isEqualTo("0-8 7");
    assertThat(billing.count("select succeeded from koyomi.runs")).isEqualTo(7);
    assertThat(lease(worker()).position()).isEqualTo(8);
  }

  @Test
  void declaresNobodyLostOverAnOutageOfTheDatabase() throws Exception {
    lease(worker());
    beats(1);

    clock.advance(Duration.ofHours(3));
    sweep();

    assertThat(leased()).isEqualTo(1);
    assertThat(billing.count("select count(*) from koyomi.worker where lost_at is not null"))
        .isZero();
  }

  @Test
  void keepsAWorkerThatBeats() throws Exception {
    long worker = worker();
    lease(worker);

    for (int i = 0; i < 20; i++) {
      beats(1);
      assertThat(workers.heartbeat(worker)).isTrue();
    }

    assertThat(leased()).isEqualTo(1);
  }

  @Test
  void tellsALostWorkerThatItMustJoinAnew() throws Exception {
    long worker = worker();
    lease(worker);
    beats(6);

    assertThat(workers.heartbeat(worker)).isFalse();
    Optional<LeasedSlice> lease = connected(connection -> billing.lease(connection, worker));
    assertThat(lease).isEmpty();
  }

  @Test
  void raisesNoBeatWhileNobodyLives() {
    workers.leave(worker());
    sweep();
    long before = billing.count("select beat from koyomi.meta");

    beats(3);

    assertThat(billing.count("select beat from koyomi.meta")).isEqualTo(before);
  }

  /** Else it would count as one that will come for what is enqueued next. */
  @Test
  void declaresAWorkerLostThatDiedWhileItHadNothing() {
    worker();

    beats(6);

    assertThat(billing.count("select count(*) from koyomi.worker where lost_at is not null"))
        .isEqualTo(1);
  }

  /** As long as somebody holds a snapshot, what was held stays in the indexes. */
  @Test
  void walksOverNothingThatWasHeldOnce() throws Exception {
    try (Rival holder = new Rival(DATABASE.dataSource())) {
      holder.connection().setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      holder.inOpenTransaction(open -> open.createStatement().execute("select from koyomi.batch"));
      long gone = worker();
      heldOnce(gone);
      workers.leave(gone);
      sweep();
      long worker = worker();
      heldOnce(worker);
      // What is left of a run is what was made last.
      billing.execute("update koyomi.slice set id = default");
      billing.text(
          "select koyomi.enqueue('billing/invoices', 'last', '{}', priority => 'High')::text");
      lease(worker);
      long beat = billing.count("select beat from koyomi.meta");
      clock.advance(BEAT);

      // A session that has swept before may keep its plans.
      try (Database database = Database.direct(DATABASE.address(), "test");
          Connection fresh = database.dataSource().getConnection()) {
        assertThat(
                slicesRead(
                    fresh,
                    "select from koyomi.slice where batch_id = %d and worker_id = %d order by id limit 1"
                        .formatted(billing.batchId(), worker)))
            .isGreaterThan(300);
        assertThat(slicesRead(fresh, "select koyomi.sweep()")).isLessThan(10);
      }
      assertThat(billing.count("select beat from koyomi.meta")).isEqualTo(beat + 1);
    }
  }

  /** Leases that have come to their end. */
  private void heldOnce(long worker) {
    billing.execute(
        """
        insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at, lease, worker_id, leased_at)
          select s.batch_id, s.run_id, s.chunk_id, s.stop, s.due_at, g, %d, s.due_at
            from (select * from koyomi.slice order by id limit 1) s, generate_series(1, 300) g
        """
            .formatted(worker));
    billing.execute("delete from koyomi.slice where worker_id = %d".formatted(worker));
  }

  /** What a statement reads of the slices and of all their indexes, entries of dead rows too. */
  private static long slicesRead(Connection connection, String sql) throws SQLException {
    connection.setAutoCommit(false);
    long before = slicesRead(connection);
    // So few rows are read without an index else.
    connection.createStatement().execute("set local enable_seqscan = off; " + sql);
    long after = slicesRead(connection);
    connection.commit();
    return after - before;
  }

  /** So far in this session. */
  private static long slicesRead(Connection connection) throws SQLException {
    try (var row =
        connection
            .createStatement()
            .executeQuery(
                """
                select sum(pg_stat_get_xact_tuples_returned(oid)) from pg_class
                  where oid = 'koyomi.slice'::regclass
                     or oid in (select indexrelid from pg_index where indrelid = 'koyomi.slice'::regclass)
                """)) {
      row.next();
      return row.getLong(1);
    }
  }

  @Test
  void cutsRetriesOfTheSameAttemptIntoOneSliceWhenTheyAreDue() throws Exception {
    LeasedSlice slice = lease(worker());
    fail(slice, 0, Duration.ofMinutes(1));
    fail(slice, 1, Duration.ofMinutes(1));
    fail(slice, 2, Duration.ofHours(1));

    sweep();
    assertThat(retries()).isEmpty();
    clock.advance(Duration.ofMinutes(1));
    sweep();
    sweep();

    assertThat(retries()).containsExactly("{0,1} 2");
    assertThat(billing.count("select retrying from koyomi.runs")).isEqualTo(3);
  }

  private List<String> retries() {
    return DATABASE
        .jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery(
                        "select ordinals::text || ' ' || attempt from koyomi.slice where ordinals"
                            + " is not null order by id")
                    .mapTo(String.class)
                    .list());
  }

  @Test
  void cutsARetryOnceWhenTwoCutAtTheSameTime() throws Exception {
    LeasedSlice slice = lease(worker());
    fail(slice, 0, Duration.ZERO);

    try (Rival one = new Rival(DATABASE.dataSource());
        Rival other = new Rival(DATABASE.dataSource())) {
      one.inOpenTransaction(UpkeepDbTest::cut);
      var second = other.blocked(UpkeepDbTest::cut);
      one.commit();
      assertThat(Rival.outcome(second)).isZero();
    }

    assertThat(retries()).containsExactly("{0} 2");
  }

  private static int cut(Connection connection) throws SQLException {
    try (var row =
        connection.createStatement().executeQuery("select koyomi.cut_retries(1, 'infinity')")) {
      row.next();
      return row.getInt(1);
    }
  }

  /** Without the lock on the run the cancel would overlook a slice that is just being made. */
  @Test
  void makesACancelWaitForARetryThatIsBeingCut() throws Exception {
    LeasedSlice slice = lease(worker());
    fail(slice, 0, Duration.ZERO);

    try (Rival cutter = new Rival(DATABASE.dataSource());
        Rival canceller = new Rival(DATABASE.dataSource())) {
      cutter.inOpenTransaction(UpkeepDbTest::cut);
      var cancel =
          canceller.blocked(
              waiting -> waiting.createStatement().execute("select koyomi.cancel_run(1, 'stop')"));
      cutter.commit();
      Rival.outcome(cancel);
    }

    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.text("select state || ' ' || cancelled from koyomi.runs"))
        .isEqualTo("Cancelled 1000");
  }

  @Test
  void makesNoRetryForARunThatWasCancelledMeanwhile() throws Exception {
    LeasedSlice slice = lease(worker());
    fail(slice, 0, Duration.ZERO);

    try (Rival canceller = new Rival(DATABASE.dataSource());
        Rival cutter = new Rival(DATABASE.dataSource())) {
      canceller.inOpenTransaction(
          open -> open.createStatement().execute("select koyomi.cancel_run(1, 'stop')"));
      var cut = cutter.blocked(UpkeepDbTest::cut);
      canceller.commit();
      assertThat(Rival.outcome(cut)).isZero();
    }

    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }

  /**
   * One statement would judge by a snapshot from before it waited, and close a run that has work.
   */
  @Test
  void doesNotCloseARunWhoseJobsWereRetriedWhileItWaited() throws Exception {
    Billing small = Billing.with(DATABASE, 1);
    small.fire();
    fail(lease(worker()), 0, null);

    try (Rival person = new Rival(DATABASE.dataSource());
        Rival closer = new Rival(DATABASE.dataSource())) {
      person.inOpenTransaction(open -> open.createStatement().execute("select koyomi.redrive(1)"));
      var closed =
          closer.blocked(
              connection -> {
                try (var row =
                    connection.createStatement().executeQuery("select koyomi.close_run(1)")) {
                  row.next();
                  return row.getBoolean(1);
                }
              });
      person.commit();
      assertThat(Rival.outcome(closed)).isFalse();
    }

    assertThat(small.text("select state from koyomi.runs")).isEqualTo("Running");
    assertThat(small.count("select count(*) from koyomi.slice")).isEqualTo(1);
  }

  /** Its last slice is gone and the retry has not been made yet. */
  @Test
  void doesNotCloseARunWhoseRetryIsStillToCome() throws Exception {
    Billing small = Billing.with(DATABASE, 1);
    small.fire();
    fail(lease(worker()), 0, Duration.ofMinutes(1));

    sweep();
    assertThat(small.text("select state from koyomi.runs")).isEqualTo("Running");
    assertThat(small.text("select koyomi.close_run(1)::text")).isEqualTo("false");

    clock.advance(Duration.ofMinutes(1));
    sweep();
    assertThat(retries()).containsExactly("{0} 2");
  }

  @Test
  void closesARunWhoseLastWorkerDidNot() throws Exception {
    Billing small = Billing.with(DATABASE, 1);
    small.fire();
    LeasedSlice slice = lease(worker());
    fail(slice, 0, null);
    assertThat(small.text("select state from koyomi.runs")).isEqualTo("Running");

    sweep();

    assertThat(small.text("select state || ', ' || message from koyomi.runs"))
        .isEqualTo("Failed, 1 job needs attention");
  }

  @Test
  void failsASelectionThatNobodyTakesUpAgain() throws Exception {
    Billing batch = Billing.with(DATABASE, 1);
    long selector = workers.join("pod", Workers.Kind.Trigger, batch.batchId());
    Runs runs = new Runs(DATABASE.jdbi(), new SecureRandom());
    runs.open(Firings.slot(batch), selector);

    batch.execute(
        "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) select id,"
            + " selector_token, 1, '{1}', '[{}]' from koyomi.run");
    clock.advance(Duration.ofMinutes(3));
    sweep();
    assertThat(batch.text("select state from koyomi.runs"))
        .as("its selector lives")
        .isEqualTo("Selecting");
    workers.leave(selector);
    clock.advance(Duration.ofMinutes(-1).minus(Duration.ofSeconds(1)));
    sweep();
    assertThat(batch.text("select state from koyomi.runs"))
        .as("somebody may come")
        .isEqualTo("Selecting");
    clock.advance(Duration.ofSeconds(1));
    sweep();
    assertThat(batch.count("select count(*) from koyomi.chunk")).isZero();

    assertThat(batch.text("select state || ' ' || reason from koyomi.runs"))
        .isEqualTo("Failed SelectionAbandoned");
    assertThat(runs.open(Firings.slot(batch), worker())).isInstanceOf(Opening.Select.class);
  }

  @Test
  void neverWaitsForALock() throws Exception {
    long worker = worker();
    LeasedSlice slice = lease(worker);
    workers.leave(worker);
    try (Rival committing = new Rival(DATABASE.dataSource())) {
      committing.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "select from koyomi.slice where id = %d for update".formatted(slice.id())));
      DATABASE
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      "set lock_timeout = '1s'; select koyomi.sweep(); reset lock_timeout"));
      assertThat(leased()).isEqualTo(1);
    }
    sweep();
    assertThat(leased()).isZero();
  }

  /** Whatever is locked now is done next time: its owner may be frozen. */
  @ParameterizedTest
  @ValueSource(strings = {"slice", "run", "worker"})
  void waitsForNoRowOf(String table) throws Exception {
    Billing small = Billing.with(DATABASE, 1);
    small.fire();
    LeasedSlice slice = lease(worker());
    fail(slice, 0, Duration.ZERO);
    small
        .trigger()
        .fire(new dev.koyomi.runner.trigger.Fired.Request("billing/by-hand", Billing.SLOT));
    small.text(
        "select koyomi.enqueue_all('billing/invoices', '[{\"key\": 1}, {\"key\": 2}]')::text");
    LeasedSlice left = lease(worker());
    while (left.stop() == 1) {
      left = lease(worker());
    }
    fail(left, 0, Duration.ofHours(1));
    small.execute("update koyomi.meta set beat = beat + 10");
    small.execute(
        "update koyomi.worker set stopped_at = koyomi.now() where id = (select worker_id from"
            + " koyomi.slice where position = 1)");
    try (Rival frozen = new Rival(DATABASE.dataSource())) {
      frozen.inOpenTransaction(
          open ->
              open.createStatement().execute("select from koyomi.%s for update".formatted(table)));
      DATABASE
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      "set lock_timeout = '1s'; select koyomi.sweep(); reset lock_timeout"));
    }
  }

  @Test
  void oneSweepsAtATime() throws Exception {
    lease(worker());
    clock.advance(BEAT);
    long before = billing.count("select beat from koyomi.meta");
    try (Rival sweeper = new Rival(DATABASE.dataSource())) {
      sweeper.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute("select pg_advisory_xact_lock(hashtext('koyomi.sweep'), 0)"));
      DATABASE
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      "set lock_timeout = '1s'; select koyomi.sweep(); reset lock_timeout"));
      assertThat(billing.count("select beat from koyomi.meta")).isEqualTo(before);
    }
  }

  @Test
  void beatsOnceInFiveSeconds() throws Exception {
    lease(worker());
    beats(1);
    long before = billing.count("select beat from koyomi.meta");

    clock.advance(BEAT.minusMillis(1));
    sweep();
    assertThat(billing.count("select beat from koyomi.meta")).isEqualTo(before);
    clock.advance(Duration.ofMillis(1));
    sweep();
    assertThat(billing.count("select beat from koyomi.meta")).isEqualTo(before + 1);
  }

  @Test
  void losesASelectorThatBeatsNoMore() {
    Billing batch = Billing.with(DATABASE, 1);
    new Runs(DATABASE.jdbi(), new SecureRandom()).open(Firings.slot(batch), worker());

    beats(6);

    assertThat(batch.count("select count(*) from koyomi.worker where lost_at is not null"))
        .isEqualTo(1);
  }

  /** On a local database; the names are those that the verbs give their sessions. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "koyomi trigger billing/invoices",
        "koyomi run",
        "koyomi refresh",
        "koyomi redispatch"
      })
  void whoSelectsInASessionIsNotGone(String session) throws Exception {
    long selector = workers.join("pod", Workers.Kind.Trigger, billing.batchId());
    String lost =
        "select count(*) from koyomi.worker where lost_at is not null and id = " + selector;
    connected(
        connection -> {
          connection.setClientInfo("ApplicationName", session);
          workers.declareGoneLost();
          assertThat(billing.count(lost)).isZero();
          connection.setClientInfo("ApplicationName", "koyomi runs");
          workers.declareGoneLost();
          assertThat(billing.count(lost)).isOne();
          return session;
        });
  }

  @Test
  void aWorkerThatJoinsLateIsAlive() throws Exception {
    lease(worker());
    beats(6);
    long late = worker();
    lease(late);

    sweep();

    assertThat(leased()).isEqualTo(1);
    assertThat(workers.heartbeat(late)).isTrue();
  }

  @Test
  void prunesRunsThatEndedLongAgoAndNothingElse() throws Exception {
    Billing small = Billing.with(DATABASE, 1);
    small.fire();
    fail(lease(worker()), 0, null);
    sweep();
    assertThat(small.run()).isEqualTo("Failed 1/0/0/1");
    small.execute("update koyomi.dead set discarded_at = koyomi.now()");
    small
        .trigger()
        .fire(new dev.koyomi.runner.trigger.Fired.Request("billing/by-hand", Billing.SLOT));
    long idle = worker();
    long alive = worker();
    LeasedSlice running = lease(alive);

    clock.advance(Duration.ofDays(90).minus(Duration.ofMinutes(1)));
    sweep();
    assertThat(small.count("select count(*) from koyomi.run")).isEqualTo(2);
    clock.advance(Duration.ofMinutes(1));
    assertThat(small.count("select koyomi.prune_runs(1, 1000000)")).isEqualTo(1);
    assertThat(small.count("select count(*) from koyomi.run")).as("one row at a time").isEqualTo(2);
    sweep();

    assertThat(small.text("select string_agg(id || ' ' || state, ', ') from koyomi.run"))
        .isEqualTo("2 Running");
    assertThat(
            small.count(
                "select (select count(*) from koyomi.failure) + (select count(*) from koyomi.dead)"
                    + " + (select count(*) from koyomi.work) + (select count(*) from"
                    + " koyomi.chunk)"))
        .as("the chunk of the run that is open")
        .isEqualTo(1);
    assertThat(
            small.count(
                "select count(*) from koyomi.worker where id in (%d, %d)".formatted(idle, alive)))
        .isEqualTo(2);
    connected(connection -> small.work(connection, running, 0));
    assertThat(small.count("select count(*) from invoice")).isEqualTo(1);
    sweep();
    assertThat(small.text("select state from koyomi.run")).isEqualTo("Succeeded");
    assertThat(small.count("select koyomi.prune_runs(5000, 1000000)")).isZero();
  }

  @Test
  void logsThePieceBeforeASliceIsGivenBack() throws Exception {
    long worker = worker();
    LeasedSlice slice = lease(worker);
    fail(slice, 0, null);
    connected(
        connection -> {
          billing.slices().giveBack(connection, worker, slice.lease());
          return 0;
        });

    assertThat(billing.text("select first || '-' || stop || ' ' || succeeded from koyomi.work"))
        .isEqualTo("0-1 0");
    assertThat(leased()).isZero();
  }

  @Test
  void givesJobsThatNeedAttentionANewSetOfAttempts() throws Exception {
    LeasedSlice slice = lease(worker());
    fail(slice, 0, null);
    fail(slice, 1, null);

    assertThat(redrive(1)).isEqualTo(2);
    assertThat(redrive(1)).isZero();

    lease(worker()); // what has waited longer
    LeasedSlice retry = lease(worker());
    assertThat(retry.attempt()).isEqualTo(2);
    assertThat(retry.countedAttempt(0)).isEqualTo(1);
    assertThat(Objects.requireNonNull(retry.values()).keys().getFirst()).isEqualTo("1");
  }

  @Test
  void countsTheAttemptsOfANewSetThroughItsRetries() throws Exception {
    Billing small = Billing.with(DATABASE, 1);
    small.fire();
    fail(lease(worker()), 0, null);
    redrive(1);
    fail(lease(worker()), 0, Duration.ZERO);
    sweep();

    LeasedSlice retry = lease(worker());
    assertThat(retry.attempt()).isEqualTo(3);
    assertThat(retry.countedAttempt(0)).isEqualTo(2);
  }

  private int redrive(long run) {
    return Interventions.done(
        DATABASE.jdbi(),
        asked -> asked.retry(new Interventions.DeadJobs(run, List.of(), Optional.empty())));
  }

  @Test
  void retriesNothingOfACancelledRun() throws Exception {
    LeasedSlice slice = lease(worker());
    fail(slice, 0, null);
    DATABASE.jdbi().useHandle(handle -> handle.execute("select koyomi.cancel_run(1, 'stop')"));

    assertThatThrownBy(() -> redrive(1))
        .hasMessageContaining("run 1 was cancelled: its jobs cannot be retried");
  }

  @Test
  void retriesNothingBesideAnotherOpenRun() throws Exception {
    Billing small = Billing.with(DATABASE, 1);
    small.fire();
    LeasedSlice slice = lease(worker());
    fail(slice, 0, null);
    sweep();
    DATABASE
        .jdbi()
        .useHandle(handle -> handle.execute("insert into subscription (id, fee) values (2, 2)"));
    small
        .trigger()
        .fire(new dev.koyomi.runner.trigger.Fired.Request("billing/by-hand", Billing.SLOT));

    assertThatThrownBy(() -> redrive(1)).hasMessageContaining("another run of this batch is open");
    assertThat(small.count("select count(*) from koyomi.dead")).isEqualTo(1);
  }
}
