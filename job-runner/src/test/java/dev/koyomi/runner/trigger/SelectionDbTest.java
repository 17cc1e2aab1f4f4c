package dev.koyomi.runner.trigger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Opening;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.queue.Selection;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Every selected target is in exactly one chunk of the run, or nothing is enqueued at all. */
final class SelectionDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String SELECT =
      "SELECT id AS key, id AS \"subscriptionId\", :logicalDate AS \"billingDate\" FROM"
          + " subscription WHERE active ORDER BY id";

  private static Billing selecting(int subscriptions, String sql) {
    return Billing.with(DATABASE, subscriptions, Billing.manifest(SELECT, sql));
  }

  /** Those of a selection that was given up are deleted later. */
  private static long chunks(Billing billing) {
    billing.text("select koyomi.prune()::text");
    return billing.count("select count(*) from koyomi.chunk");
  }

  @Test
  void keepsTheOrderOfTheQueryInChunksOf500() throws Exception {
    Billing billing = selecting(1200, SELECT.replace("ORDER BY id", "ORDER BY id DESC"));

    billing.fire();

    assertThat(billing.text("select string_agg(size::text, ',' order by id) from koyomi.chunk"))
        .isEqualTo("500,500,200");
    assertThat(billing.text("select string_agg(keys[1], ',' order by id) from koyomi.chunk"))
        .isEqualTo("1200,700,200");
    assertThat(
            billing.text("select koyomi.payload_of(id, 0) from koyomi.chunk order by id limit 1"))
        .isEqualTo("{\"billingDate\": \"2026-11-01\", \"subscriptionId\": 1200}");
  }

  @Test
  void takesColumnsAsTheyAreCalled() throws Exception {
    Billing billing =
        selecting(
            1,
            SELECT.replace(
                "id AS \"subscriptionId\"",
                "id AS \"subscriptionId\", 1 AS \"why?\", 2 AS \"a \"\"b\"\"\""));

    billing.fire();

    assertThat(billing.text("select koyomi.payload_of(id, 0) from koyomi.chunk"))
        .isEqualTo(
            "{\"why?\": 1, \"a \\\"b\\\"\": 2, \"billingDate\": \"2026-11-01\", \"subscriptionId\":"
                + " 1}");
  }

  @Test
  void closesAChunkAtAMegabyte() throws Exception {
    Billing billing =
        selecting(
            100,
            SELECT.replace(
                "id AS \"subscriptionId\"",
                "id AS \"subscriptionId\", repeat('x', 100000) AS note"));

    billing.fire();

    assertThat(chunks(billing)).isGreaterThanOrEqualTo(10);
    assertThat(billing.count("select sum(size) from koyomi.chunk")).isEqualTo(100);
  }

  @Test
  void takesTheFirstRowOfAKeyAndCountsTheOthers() throws Exception {
    Billing billing = selecting(600, SELECT.replace("id AS key", "id % 400 AS key"));

    assertThat(billing.fire())
        .isEqualTo(
            new TriggerResult.Dispatched(
                1, LocalDate.parse("2026-11-01"), 400, 200, RunState.Running));

    assertThat(
            billing.count(
                "select count(*) from koyomi.chunk, generate_series(0, size - 1) o,"
                    + " koyomi.payload_of(id, o) j where (j ->> 'subscriptionId')::int > 400"))
        .isZero();
  }

  @Test
  void refusesMoreTargetsThanMaxJobsAndEnqueuesNone() throws Exception {
    Billing billing = Billing.with(DATABASE, 11, Billing.manifest("timeout: 1m", "maxJobs: 10"));

    assertThat(billing.fire())
        .isInstanceOfSatisfying(
            TriggerResult.Refused.class,
            refused ->
                assertThat(refused.message())
                    .contains(
                        "more than spec.trigger.maxJobs = 10 targets and nothing was enqueued"));

    assertThat(chunks(billing)).isZero();
    assertThat(billing.text("select state || ' ' || reason from koyomi.runs"))
        .isEqualTo("Failed TooManyJobs");
  }

  @Test
  void refusesRowsWithoutAKey() throws Exception {
    assertThat(sentence(selecting(3, SELECT.replace("id AS key", "nullif(id, 2) AS key"))))
        .contains("the column \"key\" is null in 1 of 3 rows");
    assertThat(sentence(selecting(3, SELECT.replace("id AS key", "id AS target"))))
        .contains("has no column \"key\"");
    assertThat(sentence(selecting(3, SELECT.replace("\"subscriptionId\"", "\"billingDate\""))))
        .contains("two columns of the query have the same name");
  }

  @Test
  void refusesAUnitWhoseParameterIsNoColumn() throws Exception {
    assertThat(sentence(selecting(3, SELECT.replace("\"subscriptionId\"", "subscription"))))
        .isEqualTo(
            "spec.unit.sql: subscriptionId has no column of that name in spec.trigger.sql beside"
                + " \"key\" (there are: billingDate, subscription): select it there, or take it out"
                + " of the Unit.");
  }

  @Test
  void saysWhatTheDatabaseDoesNotKnow() throws Exception {
    Billing billing = selecting(3, SELECT.replace("WHERE active", "WHERE actve"));

    assertThat(sentence(billing))
        .startsWith("spec.trigger.sql: ")
        .contains("column \"actve\" does not exist");
    assertThat(billing.text("select state || ' ' || reason from koyomi.runs"))
        .isEqualTo("Failed SelectionFailed");
  }

  private static String sentence(Billing billing) throws InterruptedException {
    TriggerResult result = billing.fire();
    assertThat(result).isInstanceOf(TriggerResult.Refused.class);
    assertThat(chunks(billing)).isZero();
    return ((TriggerResult.Refused) result).message();
  }

  @Test
  void endsARunWithoutTargetsAsTheManifestSays() throws Exception {
    Billing billing = Billing.with(DATABASE, 0);
    billing.fire();
    assertThat(billing.text("select state || ', ' || message from koyomi.runs"))
        .isEqualTo("Succeeded, the trigger selected no target");

    Billing strict = Billing.with(DATABASE, 0, Billing.manifest("timeout: 1m", "onEmpty: Fail"));
    strict.fire();
    assertThat(strict.text("select state || ' ' || reason from koyomi.runs"))
        .isEqualTo("Failed NoTargets");
  }

  @Test
  void selectsAgainForAPersonWhatFailedForWantOfTargets() throws Exception {
    Billing billing = Billing.with(DATABASE, 0, Billing.manifest("timeout: 1m", "onEmpty: Fail"));
    billing.fire();
    billing.execute("insert into subscription (id, fee) values (1, 1)");

    assertThat(billing.fire()).isInstanceOf(TriggerResult.Dispatched.class);

    assertThat(billing.run()).isEqualTo("Running 1/0/0/0");
  }

  @Test
  void leavesASlowSelectionToTheNextTryAndSaysWhy() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            3,
            Billing.manifest(
                    SELECT,
                    SELECT.replace("WHERE active", "WHERE active AND pg_sleep(5) IS NOT NULL"))
                .replace("timeout: 1m", "timeout: 100ms"));

    assertThat(billing.fire()).isInstanceOf(TriggerResult.Failed.class);

    assertThat(billing.text("select state || ', ' || message from koyomi.runs"))
        .startsWith("Selecting, the selection took longer than spec.trigger.timeout");
    assertThat(chunks(billing)).isZero();
  }

  /** Should nobody come after, the run ends with what was the matter, not with a guess. */
  @Test
  void notesTheCauseOfASelectionThatIsToBeTriedAgain() throws Exception {
    Billing billing = selecting(3, SELECT.replace("WHERE active", "WHERE out_of_space()"));
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    """
                    create or replace function out_of_space() returns boolean language plpgsql as $$
                    begin raise 'the disk is full' using errcode = '53100'; end $$
                    """));

    assertThat(billing.fire()).isInstanceOf(TriggerResult.TryAgain.class);

    assertThat(billing.text("select state || ', ' || message from koyomi.runs"))
        .isEqualTo("Selecting, The database is out of resources: the disk is full.");
  }

  /**
   * The old selector wakes up after its takeover, in each of the places where it can have been
   * selection.
   */
  @Test
  void keepsAFrozenSelectorFromAddingToTheRunThatWasTakenOver() throws Exception {
    Billing billing = Billing.with(DATABASE, 600);
    Selection selection = selectingRun();
    Map<String, String> values = Map.of("logicalDate", "2026-11-01");

    try (Connection connection = DATABASE.dataSource().getConnection()) {
      Selection.Counts counts = selection.select(connection, billing.plan(), values);
      assertThat(billing.fire()).isInstanceOf(TriggerResult.Dispatched.class);

      assertThatThrownBy(() -> selection.select(connection, billing.plan(), values))
          .satisfies(SelectionDbTest::isTakenOver);
      assertThatThrownBy(() -> selection.dispatch(connection, counts, false))
          .satisfies(SelectionDbTest::isTakenOver);
    }

    assertThat(chunks(billing)).isEqualTo(2);
    assertThat(billing.count("select sum(size) from koyomi.chunk")).isEqualTo(600);
    assertThat(billing.count("select sum(stop) from koyomi.slice")).isEqualTo(600);
    billing.drain();
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(600);
  }

  @Test
  void dispatchesNothingOfARunThatWasCancelledMeanwhile() throws Exception {
    Billing billing = Billing.with(DATABASE, 600);
    Selection selection = selectingRun();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      Selection.Counts counts =
          selection.select(connection, billing.plan(), Map.of("logicalDate", "2026-11-01"));
      assertThat(billing.text("select koyomi.cancel_run(1, 'wrong')::text")).isEqualTo("true");

      assertThatThrownBy(() -> selection.dispatch(connection, counts, false))
          .satisfies(SelectionDbTest::isTakenOver);
    }
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.text("select state from koyomi.run")).isEqualTo("Cancelled");
  }

  /** Its successor still selects. */
  @Test
  void keepsAFrozenSelectorOutOfTheSelectionOfItsSuccessor() throws Exception {
    Billing billing = Billing.with(DATABASE, 600);
    Selection selection = selectingRun();
    Map<String, String> values = Map.of("logicalDate", "2026-11-01");

    try (Connection connection = DATABASE.dataSource().getConnection()) {
      Selection.Counts counts = selection.select(connection, billing.plan(), values);
      billing.execute("update koyomi.run set selector_token = 78");

      assertThatThrownBy(() -> selection.select(connection, billing.plan(), values))
          .satisfies(SelectionDbTest::isTakenOver);
      assertThatThrownBy(() -> selection.dispatch(connection, counts, false))
          .satisfies(SelectionDbTest::isTakenOver);
      selection.fail(connection, "SelectionFailed", "wrong");
      selection.note(connection, "wrong");
    }

    assertThat(
            billing.text(
                "select format('%s %s %s', state, selector_token, message) from koyomi.run"))
        .isEqualTo("Selecting 78 ");
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }

  /**
   * The connection of a machine that was cut off lives for hours, and with it the locks of its
   * transaction.
   */
  @Test
  @Timeout(60)
  void takesOverFromASelectorThatFrozeInMidTransaction() throws Exception {
    Billing billing = Billing.with(DATABASE, 600);
    selectingRun();
    try (Rival frozen = new Rival(DATABASE.dataSource())) {
      frozen.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) values"
                          + " (1, 77, 1, '{1}', '[{}]')"));

      assertThat(billing.fire()).isInstanceOf(TriggerResult.Dispatched.class);
      billing.drain();

      assertThat(billing.run()).isEqualTo("Succeeded 600/600/0/0");
    }
  }

  @Test
  void makesSlicesOfItsOwnChunksAlone() throws Exception {
    Billing billing = Billing.with(DATABASE, 600);
    selectingRun();
    billing.execute(
        "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) values (1, 77, 1,"
            + " '{1}', '[{}]')");

    assertThat(billing.fire()).isInstanceOf(TriggerResult.Dispatched.class);

    assertThat(billing.count("select sum(stop - position) from koyomi.slice")).isEqualTo(600);
  }

  /** Run 1, which a process that is gone selects under token 77. */
  private static Selection selectingRun() {
    return selectingRun(1);
  }

  private static Selection selectingRun(long run) {
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    """
                    insert into koyomi.run (batch_id, occurrence, logical_date, revision, state, exclusive, selector_token, select_timeout, selecting_since, created_at)
                      values (1, ?, '2026-11-01', 'r', 'Selecting', true, 77, '1m', now(), now())
                    """,
                    Billing.SLOT.atOffset(ZoneOffset.UTC)));
    return new Selection(new Opening.Select(run, 77, LocalDate.parse("2026-11-01")));
  }

  private static void isTakenOver(Throwable thrown) {
    assertThat(((SQLException) thrown).getSQLState()).isEqualTo(Selection.TAKEN_OVER);
  }

  /**
   * While the check holds the run, a takeover waits; so the chunks of a selector that was in time
   * are seen and removed.
   */
  @Test
  void makesATakeoverWaitForASelectorThatIsCommitting() throws Exception {
    Billing billing = Billing.with(DATABASE, 1);
    selectingRun();
    try (Rival selector = new Rival(DATABASE.dataSource());
        Rival successor = new Rival(DATABASE.dataSource())) {
      selector.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) values"
                          + " (1, 77, 1, '{1}', '[{}]'); select koyomi.hold_selection(1, 77)"));
      var takeover =
          successor.blocked(
              waiting ->
                  waiting
                      .createStatement()
                      .executeUpdate(
                          "update koyomi.run set selector_token = 78 where id = 1 and"
                              + " selector_token = 77"));
      assertThat(takeover).isNotDone();
      selector.commit();
      assertThat(Rival.outcome(takeover)).isEqualTo(1);
    }
    assertThat(chunks(billing)).isEqualTo(1);
  }

  /** The pod of the firing was made before the order was changed. */
  @Test
  void putsTargetsIntoTheLanesOfTheRegisteredOrder() throws Exception {
    Billing billing = Billing.with(DATABASE, 20);
    String ordered = Billing.manifest("job: {", "job: {order: {mode: FifoByKey, lanes: 8}, ");
    new Batches(DATABASE.jdbi())
        .register("billing/invoices", "test", 2, Billing.definition(ordered));

    assertThat(billing.fire()).isInstanceOf(TriggerResult.Dispatched.class);

    assertThat(
            billing.count(
                "select count(*) from koyomi.slice s join koyomi.chunk c on c.id = s.chunk_id,"
                    + " unnest(c.keys) as key where s.lane is distinct from koyomi.lane_of(key,"
                    + " 8)"))
        .isZero();
    assertThat(billing.count("select sum(stop) from koyomi.slice")).isEqualTo(20);
  }

  /** Its new definition was judged before the run was there. */
  @Test
  void waitsForAnOrderThatIsBeingChanged() throws Exception {
    Billing billing = Billing.with(DATABASE, 20);
    String ordered = Billing.manifest("job: {", "job: {order: {mode: FifoByKey, lanes: 8}, ");
    try (Rival operator = new Rival(DATABASE.dataSource());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      operator.inOpenTransaction(
          open -> {
            try (var statement =
                open.prepareStatement(
                    "select koyomi.register('billing/invoices', 'test', 2, false, ?::jsonb)")) {
              statement.setString(1, Billing.definition(ordered));
              return statement.execute();
            }
          });
      var fired = threads.submit(() -> billing.fire());
      operator.awaitWaiter();
      operator.commit();
      assertThat(fired.get()).isInstanceOf(TriggerResult.Dispatched.class);
    }
    assertThat(billing.count("select count(*) from koyomi.slice where lane is null")).isZero();
  }

  /** Runs are locked in the order of their numbers, as by who clears or cancels. */
  @Test
  void waitsForTheRunOfTheDayBeforeItLocksItsOwn() throws Exception {
    Billing billing =
        Billing.with(DATABASE, 5, Billing.manifest("job: {", "job: {order: {mode: Fifo}, "));
    String enqueue =
        "select koyomi.enqueue('billing/invoices', '1', '{\"subscriptionId\": 1, \"billingDate\":"
            + " \"2026-11-01\"}')::text";
    billing.text(enqueue);
    billing.drain();
    billing.text(enqueue);
    Selection selection = selectingRun(2);
    try (Rival person = new Rival(DATABASE.dataSource());
        Rival trigger = new Rival(DATABASE.dataSource())) {
      Selection.Counts counts =
          selection.select(
              trigger.connection(), billing.plan(), Map.of("logicalDate", "2026-11-01"));
      person.inOpenTransaction(open -> open.createStatement().execute(locking(1)));
      var dispatched =
          trigger.blocked(
              waiting -> {
                selection.dispatch(waiting, counts, false);
                return counts;
              });
      assertThat(dispatched).isNotDone();
      person.connection().createStatement().execute(locking(2) + " nowait");
      person.commit();
      assertThat(Rival.outcome(dispatched).selected()).isEqualTo(5);
    }
    assertThat(billing.count("select sum(stop) from koyomi.slice")).isEqualTo(6);
  }

  private static String locking(long run) {
    return "select from koyomi.run where id = %d for no key update".formatted(run);
  }

  @Test
  void putsNothingInTheQueueUntilEverythingIsSelected() throws Exception {
    Billing billing = Billing.with(DATABASE, 600);
    Selection selection = selectingRun();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      selection.select(connection, billing.plan(), Map.of("logicalDate", "2026-11-01"));
    }

    assertThat(chunks(billing)).isEqualTo(2);
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }
}
