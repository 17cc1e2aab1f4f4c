package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** In a lane, a job does not start before the one before it has ended. */
@NullUnmarked
final class LaneDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final JobFailure FAILURE = new JobFailure("X", "broken", JobFailure.Kind.Dead);
  private static final String BY_KEY = "{mode: FifoByKey, lanes: 8}";
  private static final String STOPPING = "{mode: FifoByKey, lanes: 8, onDead: StopLane}";

  private Billing billing;
  private TestClock clock;

  @BeforeEach
  void stopTheClock() {
    clock = DATABASE.stopClock();
  }

  private static String manifest(String order) {
    return Billing.selecting(
        Billing.unit(
                """
                SELECT hesitate(:k, :seq::int);
                INSERT INTO effect (key, seq, before) SELECT :k, :seq::int, count(*) FROM effect WHERE key = :k
                """)
            .replace("job: {", "job: {order: " + order + ", "),
        "id::text AS k, 1 AS seq");
  }

  private void register(String order) {
    register(order, 0, "null");
  }

  private void register(String order, int subscriptions, String hesitation) {
    billing =
        Billing.with(
            DATABASE, subscriptions, manifest(order).replace("maxAttempts: 2", "maxAttempts: 20"));
    billing.execute("drop table if exists effect");
    billing.execute("drop sequence if exists tries");
    billing.execute("create sequence tries");
    billing.execute(
        "create table effect (n bigint generated always as identity, key text, seq int, before"
            + " int)");
    billing.execute(
        """
        create or replace function hesitate(k text, seq int) returns void language plpgsql as $$
        begin
          if %s then
            raise exception 'not yet' using errcode = '22000';
          end if;
        end $$
        """
            .formatted(hesitation));
  }

  private String enqueue(String key, int seq) {
    return billing.text(enqueueing(key, seq));
  }

  private static String enqueueing(String key, int seq) {
    return "select koyomi.enqueue('billing/invoices', '%1$s', '{\"k\": \"%1$s\", \"seq\": %2$d}')::text"
        .formatted(key, seq);
  }

  /** So many jobs of so many keys, numbered within each key. */
  private void enqueueAll(int keys, int from, int to) {
    billing.text(
        """
        select koyomi.enqueue_all('billing/invoices', (
          select jsonb_agg(jsonb_build_object('key', key, 'payload', jsonb_build_object('k', key::text, 'seq', seq)) order by seq, key)
            from generate_series(1, %d) as key, generate_series(%d, %d) as seq))::text
        """
            .formatted(keys, from, to));
  }

  private static String text(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  private <T> T connected(Rival.Work<T> work) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      return work.on(connection);
    }
  }

  private Optional<LeasedSlice> tryLease() throws SQLException {
    long worker = billing.join();
    return connected(connection -> billing.lease(connection, worker));
  }

  private LeasedSlice lease() throws SQLException {
    return tryLease().orElseThrow();
  }

  private String key(LeasedSlice slice) {
    return Objects.requireNonNull(slice.values()).keys().get(slice.position());
  }

  private void fail(LeasedSlice slice, Duration retryAfter) throws SQLException {
    connected(
        connection ->
            billing.slices().fail(connection, slice, slice.position(), FAILURE, retryAfter));
    leave(slice);
  }

  private void leave(LeasedSlice slice) {
    billing.text("select koyomi.give_back(%d)::text".formatted(slice.lease()));
    billing.text("select koyomi.finish(%d)::text".formatted(slice.run()));
  }

  private void work() throws Exception {
    billing.workOnce(true);
  }

  private void sweep() {
    billing.text("select koyomi.sweep()::text");
  }

  /** What the only run says of its jobs, and what is left of them. */
  private String books() {
    return billing.text(
        """
        select format('%s: %s = %s done, %s dead, %s discarded, %s cancelled; %s retrying, %s left',
                      r.state, r.selected, r.succeeded, r.dead, r.discarded, r.cancelled, r.retrying, b.waiting + b.running)
          from koyomi.runs r join koyomi.backlog b on b.batch = r.batch
        """);
  }

  private String effects() {
    return billing.text(
        "select coalesce(string_agg(key || seq, ' ' order by n), 'none') from effect");
  }

  private void assertOrder() {
    assertThat(billing.count("select count(*) from effect where before <> seq - 1"))
        .as("jobs that began before the one before them had ended")
        .isZero();
  }

  private void awaitEmpty() {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (billing.count("select waiting + running from koyomi.backlog") > 0) {
      assertThat(System.nanoTime()).as(books()).isLessThan(deadline);
      LockSupport.parkNanos(10_000_000);
    }
  }

  // Order ---------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"{mode: FifoByKey, lanes: 8}", "{mode: FifoByKey}"})
  void keepsTheOrderWithinAKeyWhileTwoProcessesWorkAndJobsAreTriedAgain(String order)
      throws Exception {
    register(order, 0, "nextval('tries') % 23 = 0");
    DATABASE.startClock();
    enqueueAll(10, 1, 30);
    try (WorkerProcess one = billing.worker(EndRule.Stopped).start();
        WorkerProcess two = billing.worker(EndRule.Stopped).start()) {
      for (int seq = 31; seq <= 60; seq++) {
        enqueueAll(10, seq, seq);
      }
      awaitEmpty();
      assertThat(one.moving() && two.moving()).isTrue();
    }

    assertOrder();
    assertThat(books())
        .isEqualTo("Running: 600 = 600 done, 0 dead, 0 discarded, 0 cancelled; 0 retrying, 0 left");
    assertThat(billing.count("select count(*) from koyomi.failure")).isGreaterThan(20);
  }

  @Test
  void keepsOneOrderForAllInFifo() throws Exception {
    register("{mode: Fifo}", 0, "nextval('tries') % 23 = 0");
    DATABASE.startClock();
    enqueueAll(10, 1, 20);
    try (WorkerProcess one = billing.worker(EndRule.Stopped).start();
        WorkerProcess two = billing.worker(EndRule.Stopped).start()) {
      awaitEmpty();
      assertThat(one.moving() && two.moving()).isTrue();
    }

    assertOrder();
    assertThat(
            billing.text(
                "select bool_and(seq * 100 + key::int > before)::text from (select seq, key,"
                    + " coalesce(lag(seq * 100 + key::int) over (order by n), 0) as before from"
                    + " effect) as e"))
        .isEqualTo("true");
  }

  @Test
  void givesNumbersInTheOrderOfTheCommits() throws Exception {
    register(BY_KEY);
    try (Rival first = new Rival(DATABASE.dataSource());
        Rival second = new Rival(DATABASE.dataSource())) {
      first.inOpenTransaction(connection -> text(connection, enqueueing("a", 1)));
      var waiting = second.blocked(connection -> text(connection, enqueueing("a", 2)));
      assertThat(waiting).isNotDone();
      assertThat(tryLease()).as("nothing is committed").isEmpty();
      first.commit();
      assertThat(Rival.outcome(waiting)).isEqualTo("2");
    }
    work();
    assertThat(effects()).isEqualTo("a1 a2");
  }

  @Test
  void worksWhatWasEnqueuedBeforeADispatchBeforeIt() throws Exception {
    register("{mode: Fifo}", 3, "null");
    billing.text(
        "select count(koyomi.enqueue('billing/invoices', 'x', jsonb_build_object('k', 'x', 'seq',"
            + " g)))::text from generate_series(1, 5001) as g");

    billing.fire();

    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
    assertThat(
            billing.text(
                "select (max(s.id) filter (where r.open_until is not null) < min(s.id) filter"
                    + " (where r.open_until is null))::text from koyomi.slice s join koyomi.run r"
                    + " on r.id = s.run_id"))
        .isEqualTo("true");
  }

  @Test
  void dispatchesALaneInTheOrderOfTheQuery() throws Exception {
    register("{mode: Fifo}", 1200, "null");

    billing.fire();

    assertThat(
            billing.text(
                """
                select bool_and(key::int = n)::text
                  from (select u.key, row_number() over (order by s.id, u.o) as n
                          from koyomi.slice s join koyomi.chunk c on c.id = s.chunk_id, unnest(c.keys) with ordinality as u(key, o)) as j
                """))
        .isEqualTo("true");
  }

  @Test
  void theLaneOfAKeyNeverChanges() {
    register(BY_KEY);
    assertThat(
            billing.text(
                "select format('%s %s %s %s', koyomi.lane_of('a', 256), koyomi.lane_of('a', 8),"
                    + " koyomi.lane_of('größe', 256), koyomi.lane_of('', 1))"))
        .isEqualTo(
            "185 1 "
                + billing.count("select ('x' || left(md5('größe'), 8))::bit(32)::bigint % 256")
                + " 0");
  }

  // Holding -------------------------------------------------------------------------------------

  @Test
  void freesTheLaneOfADeadWorker() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    enqueue("a", 2);
    long worker = billing.join();
    LeasedSlice held = connected(connection -> billing.lease(connection, worker)).orElseThrow();
    connected(connection -> billing.work(connection, held, 0));
    assertThat(tryLease()).isEmpty();

    billing.execute(
        "update koyomi.worker set draining_at = now(), lost_at = now() where id = " + worker);
    sweep();

    assertThat(lease().position()).isEqualTo(1);
  }

  /** The worker died after the lane's last slice and before it left the lane. */
  @Test
  void freesTheEmptyLaneOfADeadWorker() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    long worker = billing.join();
    LeasedSlice held = connected(connection -> billing.lease(connection, worker)).orElseThrow();
    connected(connection -> billing.work(connection, held, 0));
    billing.execute("update koyomi.worker set lost_at = now() where id = " + worker);
    enqueue("a", 2);
    assertThat(tryLease()).isEmpty();

    sweep();

    assertThat(key(lease())).isEqualTo("a");
  }

  @Test
  void beatsForALaneThatIsHeldThoughNothingInItIs() throws Exception {
    register(BY_KEY);
    worked("a");
    enqueue("a", 2);

    for (int beat = 0; beat < 5; beat++) {
      sweep();
      assertThat(tryLease()).as("its worker may live").isEmpty();
      clock.advance(Duration.ofSeconds(5));
    }
    sweep();
    sweep();

    assertThat(key(lease())).isEqualTo("a");
  }

  /** The last thing that its worker did is being committed. */
  @Test
  void keepsTheLaneOfADeadWorkerWhoseSliceCannotBeFreedYet() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    long worker = billing.join();
    connected(connection -> billing.lease(connection, worker));
    billing.execute("update koyomi.worker set lost_at = now() where id = " + worker);
    try (Rival committing = new Rival(DATABASE.dataSource())) {
      committing.inOpenTransaction(
          open -> open.createStatement().execute("select from koyomi.slice for update"));
      sweep();
      assertThat(billing.count("select count(*) from koyomi.lane where lease is not null"))
          .isEqualTo(1);
    }
    sweep();
    assertThat(billing.count("select count(*) from koyomi.lane where lease is not null")).isZero();
  }

  @Test
  void aFailingJobHoldsItsLaneThroughItsRetriesWhileOthersGoOn() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    enqueue("a", 2);
    enqueue("b", 1);
    LeasedSlice a = lease();
    assertThat(key(a)).isEqualTo("a");

    fail(a, Duration.ofMinutes(1));
    assertThat(books())
        .isEqualTo("Running: 3 = 0 done, 0 dead, 0 discarded, 0 cancelled; 1 retrying, 3 left");
    work();

    assertThat(effects()).isEqualTo("b1");
    assertThat(books())
        .isEqualTo("Running: 3 = 1 done, 0 dead, 0 discarded, 0 cancelled; 1 retrying, 2 left");
    clock.advance(Duration.ofMinutes(1));
    LeasedSlice again = lease();
    assertThat(again.position()).isZero();
    assertThat(again.countedAttempt(0)).isEqualTo(2);
    assertThat(again.countedAttempt(1)).isEqualTo(1);
    leave(again);
    work();
    assertThat(effects()).isEqualTo("b1 a1 a2");
    assertThat(books())
        .isEqualTo("Running: 3 = 3 done, 0 dead, 0 discarded, 0 cancelled; 0 retrying, 0 left");
  }

  /** Its slice is free again, and begins with that job. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void countsWhatWasDoneBeforeAJobThatStaysInItsLane(boolean triedAgain) throws Exception {
    register(STOPPING);
    enqueue("a", 1);
    enqueue("a", 2);
    LeasedSlice slice = lease();
    connected(connection -> billing.work(connection, slice, 0));

    Duration retryAfter = triedAgain ? Duration.ofMinutes(1) : null;
    connected(connection -> billing.slices().fail(connection, slice, 1, FAILURE, retryAfter));

    assertThat(books())
        .isEqualTo(
            triedAgain
                ? "Running: 2 = 1 done, 0 dead, 0 discarded, 0 cancelled; 1 retrying, 1 left"
                : "Running: 2 = 1 done, 1 dead, 0 discarded, 0 cancelled; 0 retrying, 0 left");
  }

  @Test
  void aDeadJobLetsItsLaneGoOn() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    enqueue("a", 2);
    LeasedSlice a = lease();
    fail(a, Duration.ZERO);
    fail(lease(), null);

    work();

    assertThat(effects()).isEqualTo("a2");
    assertThat(books())
        .isEqualTo("Running: 2 = 1 done, 1 dead, 0 discarded, 0 cancelled; 0 retrying, 0 left");
    assertThat(billing.count("select count(*) from koyomi.held_lanes where retry_at is null"))
        .isZero();
  }

  @Test
  void eachJobOfALaneHasAttemptsOfItsOwn() throws Exception {
    register(STOPPING);
    enqueue("a", 1);
    enqueue("a", 2);
    fail(lease(), Duration.ZERO);
    fail(lease(), null);
    billing.count("select koyomi.retry_dead(1, null, null)");
    LeasedSlice third = lease();
    assertThat(third.countedAttempt(0)).isEqualTo(1);
    connected(connection -> billing.work(connection, third, 0));

    assertThat(
            billing.text("select format('%s %s %s', position, attempt, prior) from koyomi.slice"))
        .isEqualTo("1 1 0");
    connected(
        connection -> billing.slices().fail(connection, third, 1, FAILURE, Duration.ofHours(1)));
    assertThat(
            billing.text(
                "select string_agg(ordinal || ' ' || attempt, ', ' order by at, ordinal, attempt)"
                    + " from koyomi.failure"))
        .isEqualTo("0 1, 0 2, 1 1");
  }

  /** The failure was of the job before, whose end is committed: it is not the next one's. */
  @Test
  void refusesTheFailureOfAJobThatIsNotAtTheCursor() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    enqueue("a", 2);
    LeasedSlice slice = lease();
    connected(connection -> billing.work(connection, slice, 0));

    assertThatThrownBy(() -> fail(slice, Duration.ofHours(1)))
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(Slices.FENCED));
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  /** Its slice is being freed at this moment: the attempt is not counted. */
  @Test
  void recordsNoFailureOfASliceThatIsBeingFreed() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    LeasedSlice slice = lease();
    try (Rival sweeper = new Rival(DATABASE.dataSource());
        Rival owner = new Rival(DATABASE.dataSource())) {
      sweeper.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute("update koyomi.worker set stopped_at = now(); select koyomi.sweep()"));
      var failed =
          owner.blocked(
              waiting -> billing.slices().fail(waiting, slice, 0, FAILURE, Duration.ofHours(1)));
      assertThat(failed).isNotDone();
      sweeper.commit();

      assertThatThrownBy(() -> Rival.outcome(failed)).hasMessageContaining("no longer at position");
    }
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
    assertThat(lease().attempt()).isEqualTo(1);
  }

  /** What is worked out of order is taken from beside the lanes, never out of one that is held. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void takesNoSliceOutOfALaneThatIsHeld(int suspect) throws Exception {
    register(BY_KEY);
    enqueue("c", 1);
    fail(lease(), null);
    enqueue("a", 1);
    assertThat(key(lease())).isEqualTo("a");
    enqueue("a", 2);
    assertThat(tryLease()).isEmpty();
    assertThat(billing.count("select koyomi.retry_dead(1, null, null)")).isEqualTo(1);
    billing.execute("update koyomi.slice set suspect = %d where lease is null".formatted(suspect));

    assertThat(key(lease())).isEqualTo("c");
    assertThat(tryLease()).isEmpty();
  }

  @Test
  void passesByALaneThatIsHeld() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    assertThat(key(lease())).isEqualTo("a");
    clock.advance(Duration.ofSeconds(1));
    enqueue("b", 1);

    assertThat(key(lease())).isEqualTo("b");
    assertThat(tryLease()).isEmpty();
  }

  /** However its lane came to be free: two would work one job. */
  @Test
  void takesNoSliceThatIsLeased() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    LeasedSlice held = lease();
    billing.execute("update koyomi.lane set lease = null, worker_id = null");

    assertThat(tryLease()).isEmpty();
    connected(connection -> billing.work(connection, held, 0));
    assertThat(effects()).isEqualTo("a1");
  }

  @Test
  void whatIsPutIntoALaneDoesNotEndItsWait() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    fail(lease(), Duration.ofMinutes(1));
    enqueue("a", 2);
    billing.text(FILL.formatted(billing.batchId()));

    assertThat(tryLease()).isEmpty();
    clock.advance(Duration.ofMinutes(1));
    assertThat(lease().position()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "nothing, true",
    "a pause, false",
    "a limit, false",
    "a rate, false",
    "a suspect, false",
    "a drain, false",
    "its loss, false",
    "another worker, false"
  })
  void goesOnInItsLaneUnless(String what, boolean goesOn) throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    long worker = billing.join();
    LeasedSlice first = connected(connection -> billing.lease(connection, worker)).orElseThrow();
    connected(connection -> billing.work(connection, first, 0));
    enqueue("a", 2);
    billing.text(FILL.formatted(billing.batchId()));
    long another = billing.join();
    switch (what) {
      case "a pause" -> billing.text("select koyomi.pause(1, 'ann', 'why')::text");
      case "a limit" -> billing.execute("update koyomi.batch set max_concurrent = 9");
      case "a rate" -> billing.execute("update koyomi.batch set rate_jobs = 9, rate_per = '1 s'");
      case "a suspect" -> billing.execute("update koyomi.slice set suspect = 1");
      case "a drain" -> billing.text("select koyomi.drain(%d)::text".formatted(worker));
      case "its loss" ->
          billing.execute("update koyomi.worker set lost_at = now() where id = " + worker);
      default -> {}
    }

    LeaseAnswer next =
        connected(
            connection ->
                billing
                    .slices()
                    .finishAndNextInLane(
                        connection, first, what.equals("another worker") ? another : worker, true));

    assertThat(next instanceof LeaseAnswer.Leased).isEqualTo(goesOn);
    assertThat(billing.count("select count(*) from koyomi.lane where lease is not null"))
        .isEqualTo(goesOn ? 1 : 0);
  }

  @Test
  void goesOnInNoLaneOnceItIsBeingDeclaredLost() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    long worker = billing.join();
    LeasedSlice first = connected(connection -> billing.lease(connection, worker)).orElseThrow();
    connected(connection -> billing.work(connection, first, 0));
    enqueue("a", 2);
    billing.text(FILL.formatted(billing.batchId()));
    try (Rival sweeper = new Rival(DATABASE.dataSource());
        Rival owner = new Rival(DATABASE.dataSource())) {
      sweeper.inOpenTransaction(
          open ->
              open.createStatement()
                  .executeUpdate("update koyomi.worker set lost_at = now() where id = " + worker));
      var next =
          owner.blocked(
              waiting -> billing.slices().finishAndNextInLane(waiting, first, worker, false));
      assertThat(next).isNotDone();
      sweeper.commit();

      assertThat(Rival.outcome(next)).isEqualTo(new LeaseAnswer.Nothing());
    }
  }

  @ParameterizedTest
  @CsvSource({"Waiting, 0", "Unfinished, 1"})
  void keepsAKeyInALaneAsLongAsWasAsked(String scope, int whileRunning) throws Exception {
    register(BY_KEY);
    String again =
        enqueueing("a", 1).replace(")::text", ", unique_while => '%s')::text".formatted(scope));
    billing.text(again);
    LeasedSlice first = lease();

    assertThat(billing.count("select count(*) from koyomi.unique_job")).isEqualTo(whileRunning);
    connected(connection -> billing.work(connection, first, 0));
    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
  }

  private LeasedSlice stopALane() throws Exception {
    register(STOPPING);
    enqueue("a", 1);
    enqueue("a", 2);
    enqueue("b", 1);
    LeasedSlice a = lease();
    fail(a, null);
    work();
    assertThat(effects()).isEqualTo("b1");
    assertThat(books())
        .isEqualTo("Running: 3 = 1 done, 1 dead, 0 discarded, 0 cancelled; 0 retrying, 1 left");
    assertThat(
            billing.text(
                "select format('%s %s %s %s %s', batch, lane, key, error_class, waiting) from"
                    + " koyomi.held_lanes where retry_at is null"))
        .isEqualTo("billing/invoices 1 a X 1");
    return a;
  }

  private void closeTheDay() {
    clock.advance(Duration.ofDays(1));
    sweep();
  }

  @Test
  void aRetriedDeadJobGoesFirstInTheLaneThatItStopped() throws Exception {
    stopALane();

    assertThat(billing.count("select koyomi.retry_dead(1, array['a'], null)")).isEqualTo(1);

    LeasedSlice again = lease();
    assertThat(again.position()).isZero();
    assertThat(again.countedAttempt(0)).isEqualTo(1);
    leave(again);
    work();
    assertThat(effects()).isEqualTo("b1 a1 a2");
    closeTheDay();
    assertThat(books())
        .isEqualTo("Succeeded: 3 = 3 done, 0 dead, 0 discarded, 0 cancelled; 0 retrying, 0 left");
  }

  @Test
  void aResumedLaneGoesOnBehindItsDeadJob() throws Exception {
    stopALane();

    assertThat(
            billing.count(
                "select koyomi.resume_lanes(%d, array['b'])".formatted(billing.batchId())))
        .isZero();
    assertThat(billing.count("select koyomi.resume_lanes(%d, null)".formatted(billing.batchId())))
        .isEqualTo(1);

    assertThat(books())
        .isEqualTo("Running: 3 = 1 done, 1 dead, 0 discarded, 0 cancelled; 0 retrying, 1 left");
    work();
    assertThat(effects()).isEqualTo("b1 a2");
    closeTheDay();
    assertThat(books())
        .isEqualTo(
            "PartiallyFailed: 3 = 2 done, 1 dead, 0 discarded, 0 cancelled; 0 retrying, 0 left");
    assertThat(billing.count("select koyomi.retry_dead(1, null, null)")).isEqualTo(1);
    work();
    sweep();
    assertThat(effects()).isEqualTo("b1 a2 a1");
    assertThat(books())
        .isEqualTo("Succeeded: 3 = 3 done, 0 dead, 0 discarded, 0 cancelled; 0 retrying, 0 left");
  }

  /** What has ended is in the log of work, however it ended. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "resume_lanes(1, null)",
        "discard_dead(1, null, null, 'ann', 'a test')",
        "clear(1, null)",
        "cancel_run(1, 'wrong')",
      })
  void logsTheDeadJobThatALaneGoesOnWithout(String verb) throws Exception {
    stopALane();

    billing.text("select koyomi.%s::text".formatted(verb));

    assertThat(
            billing.text(
                "select string_agg(format('%s-%s %s', w.first, w.stop, w.succeeded), ', ') from"
                    + " koyomi.work w join koyomi.chunk c on c.id = w.chunk_id where c.keys[1] ="
                    + " 'a' and w.kind = 'Done'"))
        .isEqualTo("0-1 0");
  }

  @Test
  void aDiscardedJobLetsItsLaneGoOn() throws Exception {
    stopALane();

    assertThat(billing.count("select koyomi.discard_dead(1, null, 'X', 'ann', 'a test')"))
        .isEqualTo(1);

    work();
    assertThat(effects()).isEqualTo("b1 a2");
    closeTheDay();
    assertThat(books())
        .isEqualTo("Succeeded: 3 = 2 done, 0 dead, 1 discarded, 0 cancelled; 0 retrying, 0 left");
  }

  /** Two lanes that dead jobs hold, the one of the higher number for longer. */
  private int[] stopTwoLanes() throws SQLException {
    register(STOPPING);
    enqueue("a", 1);
    enqueue("b", 1);
    billing.text(FILL.formatted(billing.batchId()));
    billing.execute("update koyomi.lane set due_at = koyomi.now() - lane * interval '1 minute'");
    fail(lease(), null);
    fail(lease(), null);
    int[] lanes =
        DATABASE
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery(
                            "select lane from koyomi.lane where stopped_at is not null order by"
                                + " stopped_chunk, lane")
                        .mapTo(Integer.class)
                        .stream()
                        .mapToInt(Integer::intValue)
                        .sorted()
                        .toArray());
    assertThat(lanes).hasSize(2);
    return lanes;
  }

  /** As those lock them who fill lanes. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "retry_dead(1, null, null)",
        "discard_dead(1, null, null, 'ann', 'a test')",
        "resume_lanes(1, null)",
        "clear(1, null)",
      })
  void locksLanesInTheirOrder(String verb) throws Exception {
    int[] lanes = stopTwoLanes();
    try (Rival third = new Rival(DATABASE.dataSource());
        Rival asking = new Rival(DATABASE.dataSource())) {
      third.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "select from koyomi.lane where lane = %d for update".formatted(lanes[1])));
      // The order of a scan is no merit of the statement.
      text(
          asking.connection(),
          "select set_config('enable_seqscan', 'off', false) || set_config('enable_hashjoin',"
              + " 'off', false) || set_config('enable_mergejoin', 'off', false)");
      var asked =
          asking.blocked(connection -> text(connection, "select koyomi.%s::text".formatted(verb)));
      assertThat(
              billing.count(
                  "select count(*) from (select from koyomi.lane for update skip locked) as free"))
          .as("the lower one is locked already")
          .isZero();
      third.commit();
      assertThat(Rival.outcome(asked)).isNotNull();
      text(
          asking.connection(),
          "select set_config('enable_seqscan', 'on', false) || set_config('enable_hashjoin',"
              + " 'on', false) || set_config('enable_mergejoin', 'on', false)");
    }
  }

  /** With a slice in hand it would wait for the run of one who waits for the slice. */
  @Test
  void resumesALaneRunBeforeSlice() throws Exception {
    stopTwoLanes();
    billing.execute("update koyomi.run set open_until = null");
    try (Rival cancelling = new Rival(DATABASE.dataSource());
        Rival resuming = new Rival(DATABASE.dataSource())) {
      cancelling.inOpenTransaction(
          open -> open.createStatement().execute("select from koyomi.run for no key update"));
      var resumed =
          resuming.blocked(
              connection -> text(connection, "select koyomi.resume_lanes(1, null)::text"));
      assertThat(resumed).isNotDone();
      assertThat(text(cancelling.connection(), "select koyomi.cancel_run(1, 'wrong')::text"))
          .isEqualTo("true");
      cancelling.commit();
      assertThat(Rival.outcome(resumed)).isEqualTo("0");
    }
    assertThat(billing.text("select state || ' ' || dead from koyomi.runs"))
        .isEqualTo("Cancelled 2");
  }

  /** With the job's failure its lane becomes a stopped one: whoever looks sees both, or neither. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cancel_run(1, 'wrong')::text | Cancelled: 2 = 0 done, 1 dead, 0 discarded, 1 cancelled; 0"
            + " retrying, 0 left",
        "clear(1, 1)                  | Running: 2 = 0 done, 1 dead, 0 discarded, 1 cancelled; 0"
            + " retrying, 0 left",
      })
  void countsOnceTheJobThatStopsItsLaneAtThisMoment(String verb, String books) throws Exception {
    register(STOPPING);
    enqueue("a", 1);
    enqueue("a", 2);
    LeasedSlice slice = lease();
    try (Rival worker = new Rival(DATABASE.dataSource());
        Rival person = new Rival(DATABASE.dataSource())) {
      worker.inOpenTransaction(
          open -> billing.slices().fail(open, slice, slice.position(), FAILURE, null));
      var asked = person.blocked(connection -> text(connection, "select koyomi." + verb));
      worker.commit();
      Rival.outcome(asked);
    }

    assertThat(books()).isEqualTo(books);
  }

  /** Else a retry of all dead jobs could take it out of the lane that it is about to stop. */
  @Test
  void aJobStopsItsLaneBeforeOrAfterARetryOfItsRun() throws Exception {
    stopALane();
    enqueue("c", 1);
    LeasedSlice slice = lease();
    try (Rival person = new Rival(DATABASE.dataSource());
        Rival worker = new Rival(DATABASE.dataSource())) {
      person.inOpenTransaction(open -> text(open, "select koyomi.retry_dead(1, null, null)::text"));
      var failed =
          worker.blocked(
              connection ->
                  billing.slices().fail(connection, slice, slice.position(), FAILURE, null));
      assertThat(failed).isNotDone();
      person.commit();
      assertThat(Rival.outcome(failed)).isEqualTo("c");
    }
    assertThat(billing.text("select key from koyomi.held_lanes where retry_at is null"))
        .isEqualTo("c");
  }

  @Test
  void writesOnlyTheLanesThatItFills() {
    register(BY_KEY);
    enqueue("a", 1);
    billing.text(FILL.formatted(billing.batchId()));
    String before = billing.text("select ctid::text from koyomi.lane");
    enqueue("b", 1);

    billing.text(FILL.formatted(billing.batchId()));

    assertThat(billing.count("select count(*) from koyomi.lane")).isEqualTo(2);
    assertThat(
            billing.text(
                "select ctid::text from koyomi.lane where lane = koyomi.lane_of('a', (select lanes"
                    + " from koyomi.batch))"))
        .isEqualTo(before);
  }

  /** The job that stopped it has ended already: it is dead, and is not cancelled too. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cancel_run(1, 'wrong')::text         | Cancelled: 3 = 1 done, 1 dead, 0 discarded, 1"
            + " cancelled; 0 retrying, 0 left",
        "clear(1, null)                       | Running: 3 = 1 done, 1 dead, 0 discarded, 1"
            + " cancelled; 0 retrying, 0 left",
        "clear(1, 1)                          | Running: 3 = 1 done, 1 dead, 0 discarded, 1"
            + " cancelled; 0 retrying, 0 left",
        "cancel_jobs(1, null, null, '{2}')    | Running: 3 = 1 done, 1 dead, 0 discarded, 1"
            + " cancelled; 0 retrying, 0 left",
        "cancel_jobs(1, null, '{a}', null)    | Running: 3 = 1 done, 1 dead, 0 discarded, 1"
            + " cancelled; 0 retrying, 0 left",
      })
  void aStoppedLaneWhoseJobsAreCancelledIsFree(String verb, String books) throws Exception {
    stopALane();

    billing.text("select koyomi." + verb);

    if (verb.startsWith("cancel_jobs")) {
      assertThat(
              billing.text(
                  "select string_agg(key, ' ') from koyomi.held_lanes where retry_at is null"))
          .isEqualTo("a");
      billing.text("select koyomi.resume_lanes(1, null)::text");
    }
    assertThat(billing.count("select count(*) from koyomi.held_lanes where retry_at is null"))
        .isZero();
    assertThat(books()).isEqualTo(books);
    enqueue("a", 3);
    work();
    assertThat(effects()).isEqualTo("b1 a3");
  }

  @Test
  void theHeadOfALaneKeepsItsAttemptsWhenOneBehindItIsCancelled() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    enqueue("a", 2);
    enqueue("a", 3);
    fail(lease(), Duration.ZERO);

    assertThat(
            billing.count(
                "select koyomi.cancel_jobs(%d, null, null, '{2}')".formatted(billing.batchId())))
        .isEqualTo(1);

    LeasedSlice again = lease();
    assertThat(again.countedAttempt(again.position())).isEqualTo(2);
    fail(again, Duration.ZERO);
    work();
    assertThat(effects()).isEqualTo("a1 a3");
    assertThat(books())
        .isEqualTo("Running: 3 = 2 done, 0 dead, 0 discarded, 1 cancelled; 0 retrying, 0 left");
  }

  @Test
  void theNextJobOfALaneBeginsAnewWhenTheHeadIsCancelled() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    enqueue("a", 2);
    fail(lease(), Duration.ZERO);
    billing.execute("update koyomi.slice set lost = 2, prior = 1");

    assertThat(billing.count("select koyomi.cancel_jobs(1, null, null, '{1}')")).isEqualTo(1);

    assertThat(billing.text("select format('%s %s %s', attempt, prior, lost) from koyomi.slice"))
        .isEqualTo("1 0 0");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"cancel_jobs(1, null, null, '{1}')", "clear(1, null)", "cancel_run(1, 'wrong')"})
  void aLaneDoesNotWaitForTheRetryOfACancelledJob(String cancelling) throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    fail(lease(), Duration.ofHours(1));
    billing.text("select koyomi.%s::text".formatted(cancelling));
    enqueue("a", 2);

    sweep();

    work();
    assertThat(effects()).isEqualTo("a2");
  }

  @Test
  void aSweepLeavesALaneThatWaitsForARetry() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    fail(lease(), Duration.ofHours(1));
    enqueue("a", 2);

    sweep();

    assertThat(tryLease()).isEmpty();
  }

  @Test
  void countsADeadJobOnceWhileItsSliceGoesOn() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    enqueue("a", 2);
    LeasedSlice slice = lease();
    connected(connection -> billing.slices().fail(connection, slice, 0, FAILURE, null));
    billing.text("select koyomi.retry_dead(1, null, null)::text");

    fail(lease(), null);

    assertThat(books())
        .isEqualTo("Running: 2 = 0 done, 1 dead, 0 discarded, 0 cancelled; 0 retrying, 1 left");
  }

  @Test
  void freesTheKeyOfADeadJobThatItsLaneGoesOnWithout() throws Exception {
    register(STOPPING);
    billing.text(enqueueing("a", 1).replace(")::text", ", unique_while => 'Unfinished')::text"));
    fail(lease(), null);

    billing.text("select koyomi.resume_lanes(1, null)::text");

    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
  }

  // Waking --------------------------------------------------------------------------------------

  @Test
  void whoLeavesALaneSeesWhatIsBeingPutIntoIt() throws Exception {
    register(BY_KEY);
    LeasedSlice done = worked("a");
    enqueue("a", 2);
    try (Rival filler = new Rival(DATABASE.dataSource());
        Rival leaver = new Rival(DATABASE.dataSource())) {
      filler.inOpenTransaction(connection -> text(connection, FILL.formatted(billing.batchId())));
      var left = leaver.blocked(connection -> text(connection, LEAVE.formatted(done.lease())));
      assertThat(left).isNotDone();
      filler.commit();
      Rival.outcome(left);
    }
    assertThat(key(lease())).isEqualTo("a");
  }

  @Test
  void whoFillsALaneIsSeenThoughSomebodyIsLeavingIt() throws Exception {
    register(BY_KEY);
    LeasedSlice done = worked("a");
    enqueue("a", 2);
    try (Rival leaver = new Rival(DATABASE.dataSource());
        Rival filler = new Rival(DATABASE.dataSource())) {
      leaver.inOpenTransaction(connection -> text(connection, LEAVE.formatted(done.lease())));
      var filled =
          filler.blocked(connection -> text(connection, FILL.formatted(billing.batchId())));
      assertThat(filled).isNotDone();
      leaver.commit();
      Rival.outcome(filled);
    }
    assertThat(key(lease())).isEqualTo("a");
  }

  @Test
  void clearsAJobThatIsBeingPutIntoALane() throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    try (Rival filler = new Rival(DATABASE.dataSource());
        Rival person = new Rival(DATABASE.dataSource())) {
      filler.inOpenTransaction(connection -> text(connection, FILL.formatted(billing.batchId())));
      var cleared =
          person.blocked(connection -> text(connection, "select koyomi.clear(1, null)::text"));
      assertThat(cleared).isNotDone();
      filler.commit();
      assertThat(Rival.outcome(cleared)).isEqualTo("1");
    }
    assertThat(books())
        .isEqualTo("Running: 1 = 0 done, 0 dead, 0 discarded, 1 cancelled; 0 retrying, 0 left");
  }

  /** Both take the run before what is in the inbox, so that neither waits for the other. */
  @Test
  void cancelsAJobThatIsBeingPutIntoALane() throws Exception {
    register(BY_KEY);
    enqueue("b", 1);
    leave(lease());
    enqueue("a", 1);
    try (Rival third = new Rival(DATABASE.dataSource());
        Rival person = new Rival(DATABASE.dataSource());
        Rival filler = new Rival(DATABASE.dataSource())) {
      third.inOpenTransaction(
          open -> open.createStatement().execute("select from koyomi.run for share"));
      var cancelled =
          person.blocked(
              connection ->
                  text(connection, "select koyomi.cancel_jobs(1, null, '{a}', null)::text"));
      var filled =
          filler.blocked(connection -> text(connection, FILL.formatted(billing.batchId())));
      third.commit();

      assertThat(Rival.outcome(cancelled)).isEqualTo("1");
      Rival.outcome(filled);
    }
    assertThat(books())
        .isEqualTo("Running: 2 = 0 done, 0 dead, 0 discarded, 1 cancelled; 0 retrying, 1 left");
  }

  /** Two who fill at once would put later jobs before earlier ones. */
  @Test
  void fillsNoLanesWhileAnotherDoes() throws Exception {
    register("{mode: Fifo}", 3, "null");
    enqueue("a", 1);
    try (Rival filler = new Rival(DATABASE.dataSource());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      filler.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "select pg_advisory_xact_lock(hashtext('koyomi.lanes'), %d)"
                          .formatted(billing.batchId())));
      assertThat(tryLease()).isEmpty();

      var fired = threads.submit(() -> billing.fire());
      filler.awaitWaiter();
      assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
      filler.commit();
      assertThat(fired.get()).isInstanceOf(TriggerResult.Dispatched.class);
    }
    assertThat(key(lease())).as("it was there before").isEqualTo("a");
  }

  @Test
  void fillsALaneInTheOrderOfItsJobs() {
    register("{mode: Fifo}");
    billing.text(
        "select count(koyomi.enqueue('billing/invoices', 'x'))::text from generate_series(1,"
            + " 5300)");

    billing.text(FILL.formatted(billing.batchId()));
    assertThat(billing.count("select count(*) from koyomi.inbox")).isEqualTo(300);
    billing.text(FILL.formatted(billing.batchId()));

    assertThat(
            billing.text(
                """
                select bool_and(id = n)::text
                  from (select u.id, row_number() over (order by s.id, u.o) as n
                          from koyomi.slice s join koyomi.chunk c on c.id = s.chunk_id, unnest(c.ids) with ordinality as u(id, o)) as j
                """))
        .isEqualTo("true");
  }

  /** Numbers that a session keeps for later would put its next job before others' earlier ones. */
  @Test
  void givesNumbersInTheOrderOfTheCallsOfTwoSessions() throws Exception {
    register(BY_KEY);
    try (Rival one = new Rival(DATABASE.dataSource());
        Rival other = new Rival(DATABASE.dataSource())) {
      text(one.connection(), enqueueing("a", 1));
      text(other.connection(), enqueueing("a", 2));
      text(one.connection(), enqueueing("a", 3));
      text(other.connection(), enqueueing("a", 4));
    }
    work();
    assertThat(effects()).isEqualTo("a1 a2 a3 a4");
  }

  private static final String FILL = "select koyomi.fill_lanes(%d)::text";
  private static final String LEAVE = "select koyomi.leave_lane(%d)::text";

  /** A lane that is still held after its only job has ended. */
  private LeasedSlice worked(String key) throws SQLException {
    enqueue(key, 1);
    LeasedSlice slice = lease();
    connected(connection -> billing.work(connection, slice, 0));
    return slice;
  }

  // Change of the order ---------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"in the inbox", "in a lane", "in a retry"})
  void refusesAnotherOrderWhileJobsAreUnfinished(String where) throws Exception {
    register(where.equals("in a retry") ? "{mode: Unordered}" : BY_KEY);
    enqueue("a", 1);
    switch (where) {
      case "in a lane" -> leave(lease());
      case "in a retry" ->
          connected(
              connection -> {
                LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();
                return billing.slices().fail(connection, slice, 0, FAILURE, Duration.ofHours(1));
              });
      default -> {}
    }
    String definition = Billing.definition(manifest("{mode: FifoByKey, lanes: 9}"));
    Batches batches = new Batches(DATABASE.jdbi());

    assertThatThrownBy(() -> batches.register("billing/invoices", "test", 2, definition))
        .rootCause()
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("KY006"))
        .hasMessageStartingWith(
            "ERROR: spec.job.order: the order can only change while the batch is empty, and 1 of"
                + " its jobs are unfinished; let them end, or clear them");

    billing.text("select koyomi.clear(%d, null)::text".formatted(billing.batchId()));
    assertThat(batches.register("billing/invoices", "test", 2, definition)).isTrue();
    assertThat(billing.text("select mode || lanes from koyomi.batch")).isEqualTo("FifoByKey9");
  }

  @Test
  void refusesAnotherOrderWhileARunSelects() throws Exception {
    register("{mode: Unordered}");
    new Runs(DATABASE.jdbi(), new SecureRandom()).open(Firings.slot(billing), billing.join());
    String definition = Billing.definition(manifest(BY_KEY));

    assertThatThrownBy(
            () -> new Batches(DATABASE.jdbi()).register("billing/invoices", "test", 2, definition))
        .hasMessageContaining(
            "spec.job.order: the order can only change while the batch is empty, and run 1 is"
                + " selecting; let its jobs end, or cancel it");
  }

  /** A dispatch is putting jobs into lanes. */
  @Test
  void waitsWithAnotherOrderForWhoFillsLanes() throws Exception {
    register(BY_KEY);
    String definition = Billing.definition(manifest("{mode: FifoByKey, lanes: 9}"));
    enqueue("a", 1);
    try (Rival filler = new Rival(DATABASE.dataSource());
        Rival people = new Rival(DATABASE.dataSource())) {
      filler.inOpenTransaction(
          connection -> {
            text(connection, "select pg_advisory_xact_lock(hashtext('koyomi.lanes'), 1)::text");
            return text(connection, FILL.formatted(billing.batchId()));
          });
      var registered = people.blocked(connection -> register(connection, definition));
      assertThat(registered).isNotDone();
      filler.commit();
      assertThatThrownBy(() -> Rival.outcome(registered)).hasMessageContaining("1 of its jobs");
    }
  }

  private static boolean register(Connection connection, String definition) throws SQLException {
    try (var statement =
        connection.prepareStatement(
            "select koyomi.register('billing/invoices', 'test', 2, false, ?::jsonb)")) {
      statement.setString(1, definition);
      return statement.execute();
    }
  }

  @Test
  void waitsWithAnotherOrderForAnOpenTransactionThatEnqueues() throws Exception {
    register(BY_KEY);
    String definition = Billing.definition(manifest("{mode: FifoByKey, lanes: 9}"));
    try (Rival enqueuer = new Rival(DATABASE.dataSource());
        Rival people = new Rival(DATABASE.dataSource())) {
      enqueuer.inOpenTransaction(connection -> text(connection, enqueueing("a", 1)));
      var registered = people.blocked(connection -> register(connection, definition));
      assertThat(registered).isNotDone();
      enqueuer.commit();
      assertThatThrownBy(() -> Rival.outcome(registered)).hasMessageContaining("1 of its jobs");
    }
  }

  /** An enqueuer's transaction may have begun before. */
  @Test
  void aJobFromBeforeTheOrderKeepsItsTimes() throws Exception {
    register("{mode: Unordered}");
    String job =
        "select koyomi.enqueue('billing/invoices', '%s', '{\"subscriptionId\": 1, \"billingDate\":"
            + " \"2026-11-01\"}', %s)";
    try (Rival enqueuer = new Rival(DATABASE.dataSource())) {
      enqueuer.inOpenTransaction(
          open -> {
            var statement = open.createStatement();
            statement.execute(job.formatted("later", "run_at => koyomi.now() + '1 hour'"));
            statement.execute(
                job.formatted(
                    "gone",
                    "expires_at => koyomi.now() + '1 minute', unique_while => 'Unfinished'"));
            return statement.execute(job.formatted("now", "run_at => null"));
          });
      new Batches(DATABASE.jdbi())
          .register("billing/invoices", "test", 2, Billing.definition(manifest(BY_KEY)));
      enqueuer.commit();
    }
    clock.advance(Duration.ofMinutes(2));

    billing.fire();
    assertThat(
            billing.text(
                "select string_agg(array_to_string(c.keys, ' '), ' ') from koyomi.chunk c join"
                    + " koyomi.run r on r.id = c.run_id where r.open_until is not null"))
        .isEqualTo("now");
    assertThat(
            billing.text("select kind || ' ' || cancelled from koyomi.work where kind = 'Expired'"))
        .isEqualTo("Expired 1");
    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();

    clock.advance(Duration.ofHours(1));
    billing.text("select koyomi.fill_lanes(%d)::text".formatted(billing.batchId()));
    assertThat(billing.count("select count(*) from koyomi.chunk where keys = '{later}'")).isOne();
  }

  /** It needs a person, so it has ended, though its place is kept. */
  @Test
  void aJobThatStopsItsLaneFreesItsKey() throws Exception {
    register(STOPPING);
    String unique = enqueueing("a", 1).replace(")::text", ", unique_while => 'Unfinished')::text");
    billing.text(unique);
    LeasedSlice slice = lease();
    assertThat(billing.text("select coalesce((%s), 'taken')".formatted(unique.substring(7))))
        .isEqualTo("taken");

    fail(slice, null);

    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
  }

  @Test
  void takesLargePayloadsAFewAtATime() throws Exception {
    register("{mode: Fifo}");
    billing.execute("update koyomi.batch set max_payload = 2000000");
    billing.execute(
        "select koyomi.enqueue('billing/invoices', g::text, jsonb_build_object('k', 'a', 'seq', g,"
            + " 'x', repeat('x', 900000))) from generate_series(1, 40) g");

    lease();

    assertThat(billing.count("select count(*) from koyomi.inbox")).isPositive();
    assertThat(billing.count("select max(octet_length(jobs::text)) from koyomi.chunk"))
        .isLessThan(2_100_000);
  }

  @Test
  void takesMillionsOfJobsAFewThousandAtATime() throws Exception {
    register(BY_KEY);
    enqueueAll(100, 1, 600);

    lease();

    assertThat(billing.count("select sum(size) from koyomi.chunk")).isBetween(20_000L, 20_500L);
    assertThat(billing.count("select count(*) from koyomi.inbox")).isPositive();
  }

  /**
   * A crash that forgets a lease leaves it to others; one that forgets that a lane was left leaves
   * it to nobody.
   */
  @ParameterizedTest
  @CsvSource({"1, off", "0, on"})
  void waitsForTheDiskWhereItLeavesALaneAlone(int more, String expected) throws Exception {
    register(BY_KEY);
    enqueue("a", 1);
    long worker = billing.join();
    LeasedSlice first = connected(connection -> billing.lease(connection, worker)).orElseThrow();
    connected(connection -> billing.work(connection, first, 0));
    for (int seq = 2; seq < 2 + more; seq++) {
      enqueue("a", seq);
    }
    billing.text(FILL.formatted(billing.batchId()));
    try (Rival owner = new Rival(DATABASE.dataSource())) {
      String commit =
          owner.inOpenTransaction(
              open -> {
                text(open, "select set_config('synchronous_commit', 'on', true)");
                text(
                    open,
                    "select koyomi.next_in_lane(%d, %d, %d, '{}', false)::text"
                        .formatted(worker, first.lease(), first.id()));
                return text(open, "show synchronous_commit");
              });
      assertThat(commit).isEqualTo(expected);
    }
  }
}
