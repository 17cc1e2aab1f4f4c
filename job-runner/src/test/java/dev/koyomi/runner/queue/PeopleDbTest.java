package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.history.JobRow;
import dev.koyomi.runner.history.Jobs;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.unit.Ending;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What people ask of the queue; each is one transaction, and rolled back it is its own dry run. */
@NullUnmarked
final class PeopleDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final JobFailure X = new JobFailure("X", "broken", JobFailure.Kind.Dead);
  private static final JobFailure Y = new JobFailure("Y", "broken", JobFailure.Kind.Dead);

  private Billing billing;

  @BeforeEach
  void stopTheClock() {
    DATABASE.stopClock();
  }

  private void fire(int jobs) throws Exception {
    billing = Billing.with(DATABASE, jobs);
    billing.fire();
  }

  private <T> T connected(Rival.Work<T> work) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      return work.on(connection);
    }
  }

  private LeasedSlice lease() throws SQLException {
    long worker = billing.join();
    return connected(connection -> billing.lease(connection, worker)).orElseThrow();
  }

  private void fail(LeasedSlice slice, int at, JobFailure failure, Duration retryAfter)
      throws SQLException {
    connected(connection -> billing.slices().fail(connection, slice, at, failure, retryAfter));
  }

  private Ending work(LeasedSlice slice, int at) throws SQLException {
    return connected(connection -> billing.work(connection, slice, at)).ending();
  }

  private void giveBack(LeasedSlice slice) {
    billing.text("select koyomi.give_back(%d)::text".formatted(slice.lease()));
    billing.text("select koyomi.finish(%d)::text".formatted(slice.run()));
  }

  private void enqueue(String key) {
    billing.text(
        "select koyomi.enqueue('billing/invoices', '%1$s', '{\"subscriptionId\": %1$s, \"billingDate\": \"2026-11-01\"}')::text"
            .formatted(key));
  }

  private long ask(String verb) {
    return billing.count("select koyomi." + verb);
  }

  /** The only run, and what is left of the batch. */
  private String books() {
    return books(1);
  }

  private String books(int run) {
    return billing.text(
        """
        select format('%%s: %%s = %%s done, %%s dead, %%s discarded, %%s cancelled; %%s left',
                      r.state, r.selected, r.succeeded, r.dead, r.discarded, r.cancelled, b.waiting + b.running)
          from koyomi.runs r join koyomi.backlog b on b.batch = r.batch where r.id = %d
        """
            .formatted(run));
  }

  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited in vain").isLessThan(deadline);
      LockSupport.parkNanos(5_000_000);
    }
  }

  // Pause ---------------------------------------------------------------------------------------

  @Test
  void leasesNothingOfAPausedBatch() throws Exception {
    fire(3);
    enqueue("1");
    assertThat(billing.text("select koyomi.pause(1, 'ann', 'month end')::text")).isEqualTo("true");
    assertThat(billing.text("select koyomi.pause(1, 'bob', 'again')::text")).isEqualTo("false");

    billing.workOnce(true);

    assertThat(books()).isEqualTo("Running: 3 = 0 done, 0 dead, 0 discarded, 0 cancelled; 4 left");
    assertThat(billing.text("select paused_by || ': ' || paused_why from koyomi.batch"))
        .isEqualTo("ann: month end");
    assertThat(billing.text("select koyomi.resume(1)::text")).isEqualTo("true");
    assertThat(billing.text("select koyomi.resume(1)::text")).isEqualTo("false");
    billing.workOnce(true);
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{mode: Unordered}", "{mode: Fifo}"})
  void whatRunsIsGivenBackWhenTheBatchIsPaused(String order) throws Exception {
    DATABASE.startClock();
    billing =
        Billing.with(
            DATABASE,
            100,
            Billing.manifest(
                    "SELECT id, :billingDate, fee",
                    "SELECT id, :billingDate, fee + length(pg_sleep(0.05)::text)")
                .replace("job: {", "job: {order: " + order + ", ")
                .replace("concurrency: 4", "concurrency: 1"));
    billing.fire();
    try (WorkerProcess worker = billing.worker(EndRule.Stopped).start()) {
      await(() -> billing.count("select count(*) from invoice") > 0);
      billing.text("select koyomi.pause(1, 'ann', 'why')::text");
      await(
          () ->
              billing.count(
                      "select (select count(*) from koyomi.slice where lease is not null) + (select"
                          + " count(*) from koyomi.lane where lease is not null)")
                  == 0);
      long done = billing.count("select count(*) from invoice");
      assertThat(done).isLessThan(100);
      assertThat(billing.count("select position from koyomi.slice")).isEqualTo(done);
      assertThat(worker.moving()).isTrue();
      billing.text("select koyomi.resume(1)::text");
      await(() -> billing.count("select count(*) from invoice") == 100);
    }
  }

  // Clear and cancel ----------------------------------------------------------------------------

  @Test
  void clearsWhatWaitsAndLeavesWhatRuns() throws Exception {
    fire(600);
    LeasedSlice retried = lease();
    fail(retried, 0, X, Duration.ofHours(1));
    LeasedSlice running = lease();
    giveBack(retried);
    enqueue("1");

    assertThat(ask("clear(1, null)")).isEqualTo(501);

    assertThat(books())
        .isEqualTo("Running: 600 = 0 done, 0 dead, 0 discarded, 500 cancelled; 100 left");
    for (int at = 0; at < 100; at++) {
      assertThat(work(running, at)).isEqualTo(new Ending.Reached());
    }
    billing.text("select koyomi.finish(1)::text");
    assertThat(books())
        .isEqualTo("Succeeded: 600 = 100 done, 0 dead, 0 discarded, 500 cancelled; 0 left");
  }

  @Test
  void clearsWhatWaitsOfARunThatSelectsOnceMore() throws Exception {
    fire(3);
    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(billing.join()));

    assertThat(ask("clear(%d, null)".formatted(billing.batchId()))).isEqualTo(3);
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.text("select state from koyomi.run")).isEqualTo("Selecting");
  }

  @Test
  void clearsOneRunAlone() throws Exception {
    fire(3);
    enqueue("1");

    assertThat(ask("clear(1, 1)")).isEqualTo(3);

    assertThat(books())
        .isEqualTo("Succeeded: 3 = 0 done, 0 dead, 0 discarded, 3 cancelled; 1 left");
  }

  @Test
  void countsWhatWasDoneBeforeARunWasCancelled() throws Exception {
    fire(5);
    LeasedSlice slice = lease();
    work(slice, 0);
    work(slice, 1);

    billing.text("select koyomi.cancel_run(1, 'wrong')::text");

    assertThat(books())
        .isEqualTo("Cancelled: 5 = 2 done, 0 dead, 0 discarded, 3 cancelled; 0 left");
  }

  @ParameterizedTest
  @ValueSource(strings = {"waiting", "running", "retrying", "retry slice"})
  void cancelsOneJobOfARun(String where) throws Exception {
    fire(5);
    LeasedSlice slice = lease();
    work(slice, 0);
    work(slice, 1);
    switch (where) {
      case "waiting" -> giveBack(slice);
      case "retrying" -> fail(slice, 2, X, Duration.ofHours(1));
      case "retry slice" -> {
        fail(slice, 2, X, Duration.ofHours(1));
        giveBack(slice);
      }
      default -> {}
    }

    assertThat(ask("cancel_jobs(1, 1, array['3'], null)")).isEqualTo(1);

    assertThat(books()).isEqualTo("Running: 5 = 2 done, 0 dead, 0 discarded, 1 cancelled; 2 left");
    if (where.equals("running")) {
      assertThat(work(slice, 2)).as("it must not commit").isEqualTo(new Ending.Fenced());
    }
    giveBack(slice);
    billing.drain();
    assertThat(books())
        .isEqualTo("Succeeded: 5 = 4 done, 0 dead, 0 discarded, 1 cancelled; 0 left");
    assertThat(
            billing.text(
                "select string_agg(subscription_id::text, ' ' order by subscription_id) from"
                    + " invoice"))
        .isEqualTo("1 2 4 5");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "inbox    | array['2'], null",
        "inbox    | null, array[2]",
        "inbox    | '{}', array[2]",
        "first    | array['1'], null",
        "all      | array['1', '2', '3'], '{}'",
        "waiting  | null, array[2]",
        "running  | null, array[2]",
        "retrying | null, array[2]",
        "retrying | array['2'], '{}'",
      })
  void cancelsJobsOfAnArrayByKeyOrNumber(String where, String which) throws Exception {
    billing = Billing.with(DATABASE, 3);
    billing.text(
        """
        select koyomi.enqueue_all('billing/invoices', (
          select jsonb_agg(jsonb_build_object('key', g, 'payload', jsonb_build_object('subscriptionId', g, 'billingDate', '2026-11-01')))
            from generate_series(1, 3) as g), unique_while => 'Unfinished')::text
        """);
    switch (where) {
      case "waiting" -> giveBack(lease());
      case "running" -> lease();
      case "retrying" -> {
        LeasedSlice slice = lease();
        work(slice, 0);
        fail(slice, 1, X, Duration.ofHours(1));
      }
      default -> {}
    }
    int jobs = where.equals("all") ? 3 : 1;

    assertThat(ask("cancel_jobs(1, null, %s)".formatted(which))).isEqualTo(jobs);

    assertThat(billing.count("select count(*) from koyomi.unique_job"))
        .isEqualTo(where.equals("retrying") ? 1 : 3 - jobs);
    billing.execute("update koyomi.worker set draining_at = now(), lost_at = now()");
    billing.text("select koyomi.sweep()::text");
    billing.workOnce(true);
    assertThat(
            billing.text(
                "select coalesce(string_agg(subscription_id::text, ' ' order by subscription_id),"
                    + " 'none') from invoice"))
        .isEqualTo(
            switch (where) {
              case "all" -> "none";
              case "first" -> "2 3";
              default -> "1 3";
            });
    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
  }

  /** They are of the day's run, as if a worker had taken them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "Unordered | cancel_jobs(1, null, array['2', '4'], null) | 2 4",
        "FifoByKey | cancel_jobs(1, null, array['2', '4'], null) | 2 4",
        "Unordered | clear(1, null) | 1 2 3 4",
        "FifoByKey | clear(1, null) | 1 2 3 4",
      })
  void whatIsCancelledBeforeAWorkerTakesItIsInTheBooks(String order, String verb, String keys)
      throws Exception {
    billing =
        Billing.with(
            DATABASE, 4, Billing.manifest("job: {", "job: {order: {mode: %s}, ".formatted(order)));
    billing.text(
        """
        select koyomi.enqueue_all('billing/invoices', (
          select jsonb_agg(jsonb_build_object('key', g, 'payload', jsonb_build_object('subscriptionId', g, 'billingDate', '2026-11-01')))
            from generate_series(1, 3) as g))::text
        """);
    enqueue("4");
    int cancelled = keys.split(" ").length;

    assertThat(ask(verb)).isEqualTo(cancelled);

    assertThat(books())
        .isEqualTo(
            "Running: %1$d = 0 done, 0 dead, 0 discarded, %1$d cancelled; %2$d left"
                .formatted(cancelled, 4 - cancelled));
    assertThat(
            new Jobs(DATABASE.jdbi())
                .list(
                    new Jobs.Filter(
                        1, Optional.empty(), Optional.of(JobRow.State.Cancelled), Optional.empty()),
                    10))
        .extracting(JobRow::key)
        .containsExactly(keys.split(" "));
    billing.workOnce(true);
    assertThat(books())
        .isEqualTo(
            "Running: 4 = %d done, 0 dead, 0 discarded, %d cancelled; 0 left"
                .formatted(4 - cancelled, cancelled));
  }

  @Test
  void writesNothingWhenNoEnqueuedJobIsCancelled() throws Exception {
    billing = Billing.with(DATABASE, 1);
    enqueue("1");

    assertThat(ask("cancel_jobs(1, null, array['2'], null)")).isZero();

    assertThat(billing.count("select count(*) from koyomi.run")).isZero();
  }

  /** The cursor stands where it stood: only the end of the lease keeps its Unit from committing. */
  @Test
  void cancelsTheFirstJobOfASliceWhileItRuns() throws Exception {
    fire(5);
    LeasedSlice slice = lease();

    assertThat(ask("cancel_jobs(1, 1, array['1'], null)")).isEqualTo(1);

    assertThat(work(slice, 0)).isEqualTo(new Ending.Fenced());
    assertThatThrownBy(
            () ->
                billing.text(
                    "select koyomi.advance(%d, %d, 0, 1, null)::text"
                        .formatted(slice.id(), slice.lease())))
        .hasMessageContaining("no longer at position");
    billing.drain();
    assertThat(
            billing.text("select string_agg(subscription_id::text, ' ' order by id) from invoice"))
        .isEqualTo("2 3 4 5");
  }

  /** A Unit of the slice is being committed: what it did is not done again. */
  @Test
  void waitsWithACancelForAUnitThatCommits() throws Exception {
    fire(5);
    LeasedSlice slice = lease();
    try (Rival owner = new Rival(DATABASE.dataSource());
        Rival person = new Rival(DATABASE.dataSource())) {
      owner.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "insert into invoice (subscription_id, amount) values (1, 1); select koyomi.advance(%d, %d, 0, 1, null)"
                          .formatted(slice.id(), slice.lease())));
      var cancelled = person.blocked(waiting -> cancel(waiting, "'{3}'"));
      assertThat(cancelled).isNotDone();
      owner.commit();
      assertThat(Rival.outcome(cancelled)).isEqualTo(1);
    }
    billing.drain();
    assertThat(
            billing.text("select string_agg(subscription_id::text, ' ' order by id) from invoice"))
        .isEqualTo("1 2 4 5");
    assertThat(books())
        .isEqualTo("Succeeded: 5 = 4 done, 0 dead, 0 discarded, 1 cancelled; 0 left");
  }

  private static int cancel(Connection connection, String keys) throws SQLException {
    return asked(connection, "cancel_jobs(1, null, %s, null)".formatted(keys));
  }

  private static int asked(Connection connection, String verb) throws SQLException {
    try (var row = connection.createStatement().executeQuery("select koyomi." + verb)) {
      row.next();
      return row.getInt(1);
    }
  }

  /** Without the lock on the run they would overlook the pieces that are just being made. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"cancel_jobs(1, null, '{9}', null) | 1", "clear(1, null) | 7"})
  void findsJobsOfASliceThatIsBeingSplit(String verb, int jobs) throws Exception {
    fire(10);
    LeasedSlice slice = lease();
    try (Rival owner = new Rival(DATABASE.dataSource());
        Rival person = new Rival(DATABASE.dataSource())) {
      owner.inOpenTransaction(open -> billing.slices().split(open, slice, 4));
      var done = person.blocked(waiting -> asked(waiting, verb));
      assertThat(done).isNotDone();
      owner.commit();
      assertThat(Rival.outcome(done)).isEqualTo(jobs);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cancel_run(1, 'wrong')::text | Cancelled: 3 = 0 done, 0 dead, 0 discarded, 3 cancelled; 0"
            + " left",
        "clear(1, null)::text | Running: 3 = 0 done, 0 dead, 0 discarded, 1 cancelled; 2 left",
      })
  void cancelsAJobThatWaitsForItsNextAttempt(String verb, String books) throws Exception {
    fire(3);
    fail(lease(), 0, X, Duration.ofHours(1));

    billing.text("select koyomi." + verb);

    assertThat(books()).isEqualTo(books);
    assertThat(billing.count("select count(*) from koyomi.failure where not cut")).isZero();
  }

  /** It leaves the inbox at this moment, for a run that is not there yet. */
  @Test
  void cancelsAJobThatIsBeingTaken() throws Exception {
    billing = Billing.with(DATABASE, 3);
    enqueue("1");
    long worker = billing.join();
    try (Rival taker = new Rival(DATABASE.dataSource());
        Rival person = new Rival(DATABASE.dataSource())) {
      taker.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "select koyomi.lease(%d, 7, false, true, '{}', '{}', '{}', false)"
                          .formatted(worker)));
      var cancelled =
          person.blocked(
              waiting -> {
                try (var row =
                    waiting
                        .createStatement()
                        .executeQuery("select koyomi.cancel_jobs(1, null, array['1'], null)")) {
                  row.next();
                  return row.getInt(1);
                }
              });
      assertThat(cancelled).isNotDone();
      taker.commit();
      assertThat(Rival.outcome(cancelled)).isEqualTo(1);
    }
    assertThat(books()).isEqualTo("Running: 1 = 0 done, 0 dead, 0 discarded, 1 cancelled; 0 left");
  }

  @Test
  void cancelsNothingThatNobodyNamed() throws Exception {
    fire(3);
    enqueue("9");

    assertThat(ask("cancel_jobs(1, null, '{}', '{}')")).isZero();
    assertThat(ask("cancel_jobs(1, null, null, null)")).isZero();

    assertThat(books()).isEqualTo("Running: 3 = 0 done, 0 dead, 0 discarded, 0 cancelled; 4 left");
  }

  // Dead jobs -----------------------------------------------------------------------------------

  /** Of ten jobs 1 and 2 are dead of X, 3 of Y, and the others done. */
  private void leaveThreeDead() throws Exception {
    fire(10);
    LeasedSlice slice = lease();
    fail(slice, 0, X, null);
    fail(slice, 1, X, null);
    fail(slice, 2, Y, null);
    giveBack(slice);
    billing.drain();
    assertThat(books())
        .isEqualTo("PartiallyFailed: 10 = 7 done, 3 dead, 0 discarded, 0 cancelled; 0 left");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "null, null                 | 3 | Succeeded: 10 = 10 done, 0 dead",
        "array['1', '3'], null      | 2 | PartiallyFailed: 10 = 9 done, 1 dead",
        "null, 'X'                  | 2 | PartiallyFailed: 10 = 9 done, 1 dead",
        "array['1', '3'], 'X'       | 1 | PartiallyFailed: 10 = 8 done, 2 dead",
        "array['4'], null           | 0 | PartiallyFailed: 10 = 7 done, 3 dead",
      })
  void retriesDeadJobsByKeyAndError(String which, int jobs, String books) throws Exception {
    leaveThreeDead();

    assertThat(ask("retry_dead(1, %s)".formatted(which))).isEqualTo(jobs);

    billing.drain();
    assertThat(books()).startsWith(books);
    assertThat(billing.count("select count(distinct subscription_id) from invoice"))
        .isEqualTo(7 + jobs);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "null, null            | 3 | Succeeded: 10 = 7 done, 0 dead, 3 discarded",
        "array['1', '3'], 'X'  | 1 | PartiallyFailed: 10 = 7 done, 2 dead, 1 discarded",
      })
  void discardsDeadJobsByKeyAndError(String which, int jobs, String books) throws Exception {
    fire(10);
    LeasedSlice slice = lease();
    fail(slice, 0, X, null);
    fail(slice, 1, X, null);
    fail(slice, 2, Y, null);
    giveBack(slice);

    assertThat(ask("discard_dead(1, %s, 'ann', 'gone')".formatted(which))).isEqualTo(jobs);

    billing.drain();
    assertThat(books()).startsWith(books);
    assertThat(
            billing.text(
                "select distinct discarded_by || ' ' || discard_reason from koyomi.dead where"
                    + " discarded_at is not null"))
        .isEqualTo("ann gone");
    assertThat(ask("retry_dead(1, null, null)"))
        .as("what is discarded stays so")
        .isEqualTo(3 - jobs);
  }

  @Test
  void countsAJobThatIsTriedAgainElsewhereOnlyThere() throws Exception {
    fire(10);
    LeasedSlice slice = lease();
    fail(slice, 0, X, Duration.ZERO);
    billing.text("select koyomi.cut_retries(1, 'infinity')::text");
    LeasedSlice retry = lease();

    billing.text(
        "select koyomi.advance(%d, %d, 0, 1, '{0}')::text".formatted(retry.id(), retry.lease()));

    assertThat(
            billing.text("select succeeded || ' done, ' || skipped || ' skipped' from koyomi.runs"))
        .isEqualTo("0 done, 1 skipped");
  }

  @Test
  void refusesToRetryJobsOfACancelledRun() throws Exception {
    fire(3);
    LeasedSlice slice = lease();
    fail(slice, 0, X, null);
    billing.text("select koyomi.cancel_run(1, 'wrong')::text");

    assertThatThrownBy(() -> ask("retry_dead(1, null, null)"))
        .rootCause()
        .hasMessageStartingWith("ERROR: run 1 was cancelled: its jobs cannot be retried");
  }

  /** They may be among what is selected, and would be done twice. */
  @Test
  void refusesToRetryJobsThatAreBeingSelectedAgain() throws Exception {
    leaveThreeDead();
    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(billing.join()));

    assertThatThrownBy(() -> ask("retry_dead(1, null, null)"))
        .rootCause()
        .hasMessageStartingWith(
            "ERROR: run 1 is being selected at this moment: retry its jobs when it has been"
                + " dispatched");
    assertThat(billing.count("select count(*) from koyomi.dead")).isEqualTo(3);
  }

  @Test
  void countsAJobOnceThatDiesTwiceWhileItsSliceIsWorked() throws Exception {
    billing = Billing.with(DATABASE, 3, Billing.manifest("job: {", "job: {order: {mode: Fifo}, "));
    billing.fire();
    LeasedSlice slice = lease();
    fail(slice, 0, X, null);
    assertThat(ask("retry_dead(1, null, null)")).isOne();
    fail(lease(), 0, X, null);
    work(slice, 1);
    work(slice, 2);
    billing.text("select koyomi.finish(1)::text");

    assertThat(billing.run()).isEqualTo("PartiallyFailed 3/2/0/1");
  }

  @Test
  void countsAJobOnceThatIsSkippedAtItsSecondAttemptWhileItsSliceIsWorked() throws Exception {
    fire(3);
    LeasedSlice slice = lease();
    fail(slice, 0, X, null);
    assertThat(ask("retry_dead(1, null, null)")).isOne();
    LeasedSlice again = lease();
    billing.text(
        "select koyomi.advance(%d, %d, 0, 1, '{0}')::text".formatted(again.id(), again.lease()));
    work(slice, 1);
    work(slice, 2);
    billing.text("select koyomi.finish(1)::text");

    assertThat(billing.run()).isEqualTo("Succeeded 3/2/1/0");
  }

  @Test
  void refusesToRetryWhileAnotherRunOfTheBatchIsOpen() throws Exception {
    leaveThreeDead();
    billing.trigger().fire(new Fired.SlotByPerson(Billing.SLOT.plus(Duration.ofDays(1))));

    assertThatThrownBy(() -> ask("retry_dead(1, null, null)"))
        .rootCause()
        .hasMessageStartingWith(
            "ERROR: another run of this batch is open: retry the jobs of run 1 when it is over");
    assertThat(billing.count("select count(*) from koyomi.dead")).isEqualTo(3);
  }

  // A second selection ----------------------------------------------------------------------------

  private void selectAgain(List<String> keys) throws Exception {
    long selector = billing.join();
    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(selector));
    billing.execute(
        """
        insert into koyomi.chunk (run_id, selector_token, size, keys, jobs)
          select 1, 99, count(*), array_agg(k), jsonb_agg(jsonb_build_object('subscriptionId', k, 'billingDate', '2026-11-01'))
            from unnest('{%s}'::text[]) as k where k not in (select key from koyomi.settled_keys(1)) having count(*) > 0
        """
            .formatted(String.join(",", keys)));
    billing.text(
        "select koyomi.dispatch(1, 99, (select coalesce(sum(size), 0) from koyomi.chunk where"
            + " selector_token = 99), 0, true)::text");
  }

  @Test
  void aSecondSelectionAddsToTheRun() throws Exception {
    leaveThreeDead();
    billing.execute("insert into subscription (id, fee) values (11, 11), (12, 12)");

    selectAgain(List.of("4", "11", "12"));

    assertThat(books()).isEqualTo("Running: 12 = 7 done, 3 dead, 0 discarded, 0 cancelled; 2 left");
    assertThat(billing.text("select revision || ' ' || attempt from koyomi.run")).isEqualTo("r2 2");
    billing.drain();
    assertThat(books())
        .isEqualTo("PartiallyFailed: 12 = 9 done, 3 dead, 0 discarded, 0 cancelled; 0 left");
  }

  @Test
  void refusesASecondSelectionForTheJobsOfADay() throws Exception {
    billing = Billing.with(DATABASE, 1);
    enqueue("1");
    lease();

    assertThatThrownBy(() -> ask("select_again(1, 1, 99, 'r2', '1 minute')::int"))
        .rootCause()
        .hasMessageStartingWith("ERROR: run 1 is that of the jobs enqueued on 2026-11-01");
  }

  @Test
  void aSecondSelectionPutsOnlyItsOwnTargetsIntoLanes() throws Exception {
    billing =
        Billing.with(
            DATABASE, 3, Billing.manifest("job: {", "job: {order: {mode: FifoByKey, lanes: 8}, "));
    billing.fire();
    billing.drain();
    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(billing.join()));
    billing.execute(
        "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs, lane) values (1, 99,"
            + " 1, '{4}', '[{}]', koyomi.lane_of('4', 8))");

    billing.text("select koyomi.dispatch(1, 99, 1, 0, true)::text");

    assertThat(billing.count("select sum(stop) from koyomi.slice")).isEqualTo(1);
  }

  @Test
  void refusesASecondSelectionThatIsAskedForAtTheSameTime() throws Exception {
    leaveThreeDead();
    String again = "select_again(1, %d, %d, 'r2', '1 minute')::int";
    try (Rival first = new Rival(DATABASE.dataSource());
        Rival second = new Rival(DATABASE.dataSource())) {
      first.inOpenTransaction(open -> asked(open, again.formatted(billing.join(), 98)));
      var refused = second.blocked(waiting -> asked(waiting, again.formatted(billing.join(), 99)));
      assertThat(refused).isNotDone();
      first.commit();
      assertThatThrownBy(() -> Rival.outcome(refused))
          .hasMessageContaining("run 1 is being selected at this moment");
    }
    assertThat(billing.count("select selector_token from koyomi.run")).isEqualTo(98);
  }

  @Test
  void aSecondSelectionThatFailsTakesNothingFromTheRun() throws Exception {
    leaveThreeDead();
    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(billing.join()));
    billing.execute(
        "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) values (1, 99, 1,"
            + " '{11}', '[{}]')");

    assertThat(billing.text("select koyomi.fail_selection(1, 99, 'X', 'wrong')::text"))
        .isEqualTo("true");

    assertThat(books())
        .isEqualTo("PartiallyFailed: 10 = 7 done, 3 dead, 0 discarded, 0 cancelled; 0 left");
    assertThat(
            new Jobs(DATABASE.jdbi())
                .list(
                    new Jobs.Filter(1, Optional.empty(), Optional.empty(), Optional.empty()), 100))
        .as("what was never dispatched is no job")
        .hasSize(10);
    billing.text("select koyomi.prune()::text");
    assertThat(billing.count("select sum(size) from koyomi.chunk")).isEqualTo(10);
  }

  @Test
  void aSecondSelectionThatFailsLeavesACancelledRunCancelled() throws Exception {
    leaveThreeDead();
    billing.execute("update koyomi.run set state = 'Running', ended_at = null");
    billing.text("select koyomi.cancel_run(1, 'by hand')::text");
    billing.text(
        "select koyomi.select_again(1, %d, 98, 'r2', '1 minute')::text".formatted(billing.join()));
    billing.execute("update koyomi.worker set stopped_at = koyomi.now()");
    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(billing.join()));

    billing.text("select koyomi.fail_selection(1, 99, 'X', 'wrong')::text");

    assertThat(billing.text("select state || ' ' || reason || ' ' || message from koyomi.run"))
        .isEqualTo("Cancelled Cancelled by hand; selected again: wrong");
    assertThat(billing.text("select (ended_at is not null)::text from koyomi.run"))
        .isEqualTo("true");
  }

  @Test
  void aSecondSelectionThatFindsNothingEitherSaysSo() throws Exception {
    billing = Billing.with(DATABASE, 0);
    billing.fire();
    billing.execute(
        "update koyomi.run set state = 'Failed', reason = 'NoTargets', message = 'none', selected"
            + " = 0");
    billing.text(
        "select koyomi.select_again(1, %d, 98, 'r2', '1 minute')::text".formatted(billing.join()));
    billing.text("select koyomi.dispatch(1, 98, 0, 0, true)::text");
    assertThat(billing.text("select state || ' ' || reason || ' ' || message from koyomi.run"))
        .isEqualTo("Failed NoTargets the trigger selected no target");

    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(billing.join()));
    billing.text("select koyomi.fail_selection(1, 99, 'SelectionFailed', 'wrong')::text");
    assertThat(billing.text("select state || ' ' || reason || ' ' || message from koyomi.run"))
        .isEqualTo("Failed SelectionFailed wrong");
  }

  @Test
  void aCancelledSelectionIsNotTakenForDoneByTheNextOne() throws Exception {
    leaveThreeDead();
    billing.execute("insert into subscription (id, fee) values (11, 11)");
    billing.text(
        "select koyomi.select_again(1, %d, 98, 'r2', '1 minute')::text".formatted(billing.join()));
    billing.execute(
        "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) values (1, 98, 1,"
            + " '{11}', '[{}]')");
    assertThat(billing.text("select koyomi.cancel_run(1, 'wrong')::text")).isEqualTo("true");

    selectAgain(List.of("11"));

    billing.drain();
    assertThat(books())
        .isEqualTo("PartiallyFailed: 11 = 8 done, 3 dead, 0 discarded, 0 cancelled; 0 left");
    assertThat(billing.count("select count(*) from invoice where subscription_id = 11"))
        .isEqualTo(1);
  }

  @Test
  void aSecondSelectionThatFindsNothingLeavesTheRunAsItWas() throws Exception {
    leaveThreeDead();

    selectAgain(List.of("4"));
    billing.text("select koyomi.sweep()::text");

    assertThat(books())
        .isEqualTo("PartiallyFailed: 10 = 7 done, 3 dead, 0 discarded, 0 cancelled; 0 left");
  }

  @Test
  void settledAreTheKeysThatSucceededOrAreStillQueued() throws Exception {
    fire(8);
    LeasedSlice slice = lease();
    work(slice, 0);
    fail(slice, 1, X, null);
    fail(slice, 2, X, null);
    fail(slice, 3, X, Duration.ofHours(1));
    giveBack(slice);
    ask("cancel_jobs(1, 1, array['5'], null)");
    ask("discard_dead(1, array['3'], null, 'ann', 'gone')");

    assertThat(billing.text("select string_agg(key, ' ' order by key) from koyomi.settled_keys(1)"))
        .isEqualTo("1 4 6 7 8");

    ask("retry_dead(1, array['2'], null)");
    assertThat(billing.text("select string_agg(key, ' ' order by key) from koyomi.settled_keys(1)"))
        .isEqualTo("1 2 4 6 7 8");
  }

  // Dry run -------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pause(1, 'ann', 'why')",
        "resume(1)",
        "clear(1, null)",
        "cancel_jobs(1, null, array['4', '5', '9'], null)",
        "cancel_run(1, 'wrong')",
        "retry_dead(1, null, null)",
        "discard_dead(1, null, null, 'ann', 'gone')",
        "resume_lanes(1, null)",
        "select_again(1, 1, 99, 'r2', '1 minute')",
      })
  void rolledBackLeavesEverythingAsItWas(String verb) throws Exception {
    fire(8);
    LeasedSlice slice = lease();
    work(slice, 0);
    fail(slice, 1, X, null);
    fail(slice, 2, X, Duration.ofHours(1));
    enqueue("9");
    String before = everything();

    connected(
        connection -> {
          connection.setAutoCommit(false);
          connection.createStatement().execute("select koyomi." + verb);
          connection.rollback();
          connection.setAutoCommit(true);
          return 0;
        });

    assertThat(everything()).isEqualTo(before);
    assertThat(work(slice, 3)).as("what ran goes on").isEqualTo(new Ending.Reached());
  }

  private String everything() {
    StringBuilder all = new StringBuilder();
    for (String table :
        billing
            .text(
                "select string_agg(tablename, ' ' order by tablename) from pg_tables where"
                    + " schemaname = 'koyomi'")
            .split(" ", -1)) {
      all.append(table)
          .append(": ")
          .append(
              billing.text(
                  "select coalesce(string_agg(t::text, ' ' order by t::text), '') from koyomi.%s as t"
                      .formatted(table)))
          .append('\n');
    }
    return all.toString();
  }
}
