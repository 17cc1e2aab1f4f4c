package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGConnection;

/** Jobs from anywhere, in the caller's own transaction. */
@NullUnmarked
final class EnqueueDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final JobFailure FAILURE = new JobFailure("X", "broken", JobFailure.Kind.Dead);

  private Billing billing;
  private TestClock clock;

  @BeforeEach
  void registerABatch() {
    clock = DATABASE.stopClock();
    billing = Billing.with(DATABASE, 1000);
  }

  private static String job(int id) {
    return "{\"subscriptionId\": %d, \"billingDate\": \"2026-11-01\"}".formatted(id);
  }

  /** One job for the subscription; further arguments as in {@code , run_at => …}. */
  private String enqueueing(int id, String further) {
    return "select coalesce(koyomi.enqueue('billing/invoices', '%d', '%s'%s)::text, 'enqueued already')"
        .formatted(id, job(id), further);
  }

  private String enqueue(int id, String further) {
    return billing.text(enqueueing(id, further));
  }

  private String enqueue(int id) {
    return enqueue(id, "");
  }

  private static String text(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement();
        var row = statement.executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  private void work() throws Exception {
    billing.workOnce(true);
  }

  private long invoices() {
    return billing.count("select count(*) from invoice");
  }

  private LeasedSlice lease() throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      return billing.lease(connection, billing.join()).orElseThrow();
    }
  }

  private void fail(LeasedSlice slice, Duration retryAfter) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      billing.slices().fail(connection, slice, slice.position(), FAILURE, retryAfter);
      billing.slices().finish(connection, slice.run());
    }
  }

  private void done(LeasedSlice slice) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      billing.work(connection, slice, slice.position());
      billing.slices().finish(connection, slice.run());
    }
  }

  private void sweep() {
    billing.text("select koyomi.sweep()::text");
    billing.text("select koyomi.prune()::text");
  }

  @Test
  void enqueuesOneJobThatAWorkerDoes() throws Exception {
    assertThat(enqueue(7)).isEqualTo("1");
    assertThat(billing.count("select waiting from koyomi.backlog")).isEqualTo(1);

    work();

    assertThat(billing.text("select subscription_id || ' ' || billing_date from invoice"))
        .isEqualTo("7 2026-11-01");
    assertThat(billing.run()).isEqualTo("Running 1/1/0/0");
    assertThat(billing.count("select waiting + running from koyomi.backlog")).isZero();
  }

  @Test
  void enqueuesManyJobsInTheOrderOfTheArray() throws Exception {
    String numbers =
        billing.text(
            """
            select (n[1], n[1200], cardinality(n))::text from koyomi.enqueue_all('billing/invoices',
              (select jsonb_agg(jsonb_build_object('key', g, 'payload', jsonb_build_object('subscriptionId', 1 + g % 1000, 'billingDate', '2026-11-01')))
                 from generate_series(1, 1200) as g)) as n
            """);
    assertThat(numbers).isEqualTo("(1,1200,1200)");
    assertThat(
            billing.text(
                "select string_agg(cardinality(keys)::text, ' ' order by id) from koyomi.inbox"))
        .isEqualTo("500 500 200");

    work();

    assertThat(billing.run()).isEqualTo("Running 1200/1200/0/0");
    assertThat(invoices()).isEqualTo(1200);
    assertThat(
            billing.text(
                "select bool_and(k.key = k.id::text)::text from koyomi.chunk c, unnest(c.keys,"
                    + " c.ids) as k(key, id)"))
        .isEqualTo("true");
  }

  @Test
  void enqueuesNothingForAnEmptyArray() {
    assertThat(billing.text("select koyomi.enqueue_all('billing/invoices', '[]')::text"))
        .isEqualTo("{}");
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
  }

  @Test
  void leavesNothingWhenTheCallerRollsBack() throws Exception {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      text(connection, enqueueing(1, ", unique_while => 'Unfinished'"));
      text(
          connection,
          "select koyomi.enqueue_all('billing/invoices', '[{\"key\": 2}, {\"key\": 3}]')");
      work();
      connection.rollback();
    }
    work();

    assertThat(invoices()).isZero();
    assertThat(
            billing.count(
                "select (select count(*) from koyomi.inbox) + (select count(*) from"
                    + " koyomi.unique_job) + (select count(*) from koyomi.run)"))
        .isZero();
    assertThat(enqueue(1, ", unique_while => 'Unfinished'")).isNotEqualTo("enqueued already");
  }

  @Test
  void waitsUntilTheJobIsDue() throws Exception {
    enqueue(1, ", run_at => koyomi.now() + interval '1 minute'");
    work();
    assertThat(invoices()).isZero();
    assertThat(billing.text("select koyomi.next_due_in(%d)::text".formatted(billing.batchId())))
        .isEqualTo("00:01:00");

    clock.advance(Duration.ofMinutes(1));
    work();

    assertThat(invoices()).isEqualTo(1);
  }

  @Test
  void countsAJobPastItsTimeAsExpiredInTheRunOfTheDay() throws Exception {
    enqueue(1, ", expires_at => koyomi.now() + interval '1 minute', unique_while => 'Unfinished'");
    enqueue(2, ", expires_at => koyomi.now() + interval '2 minutes'");
    enqueue(3);
    clock.advance(Duration.ofMinutes(1));

    work();

    assertThat(billing.run()).isEqualTo("Running 3/2/0/0");
    assertThat(billing.count("select expired from koyomi.runs")).isEqualTo(1);
    assertThat(
            billing.text("select string_agg(subscription_id::text, ' ' order by 1) from invoice"))
        .isEqualTo("2 3");
    assertThat(enqueue(1, ", unique_while => 'Unfinished'")).isNotEqualTo("enqueued already");
    work();
    clock.advance(Duration.ofDays(1));
    sweep();
    assertThat(billing.run()).isEqualTo("Succeeded 4/3/0/0");
  }

  @Test
  void takesTheBetterPriorityFirst() throws Exception {
    enqueue(1, ", priority => 'Low'");
    enqueue(2);
    enqueue(3, ", priority => 'High'");

    assertThat(lease().values().keys()).containsExactly("3");
    assertThat(lease().values().keys()).containsExactly("2");
    assertThat(lease().values().keys()).containsExactly("1");
  }

  /** What another session is taking is passed by; what is not yet due stays, though it is free. */
  @Test
  void takesTheNextJobsThatAreDueAndWaitsForNobody() throws Exception {
    enqueue(1);
    enqueue(2);
    enqueue(3, ", run_at => koyomi.now() + interval '1 hour'");
    long worker = billing.join();
    try (Rival taker = new Rival(DATABASE.dataSource());
        Connection connection = DATABASE.dataSource().getConnection()) {
      taker.inOpenTransaction(
          open ->
              open.createStatement().execute("select from koyomi.inbox where id = 1 for update"));
      connection.createStatement().execute("set lock_timeout = '2s'");

      assertThat(billing.lease(connection, worker).orElseThrow().values().keys())
          .containsExactly("2");
      connection.createStatement().execute("reset lock_timeout");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, '3,1,2'", "50, '1,2,3'"})
  void jobsOfOneTransactionAreInTheOrderOfTheirKeys(int together, String order) throws Exception {
    billing.execute("update koyomi.batch set commit_jobs = " + together);
    enqueue(3);
    enqueue(1);
    enqueue(2);

    lease();

    assertThat(
            billing.text(
                "select array_to_string(keys, ',') from koyomi.chunk where (select"
                    + " array_agg(job->>'subscriptionId') from jsonb_array_elements(jobs) as job) ="
                    + " keys"))
        .isEqualTo(order);
  }

  @Test
  void packsManySingleJobsIntoOneChunkInOneLease() throws Exception {
    for (int i = 1; i <= 600; i++) {
      enqueue(i);
    }

    LeasedSlice slice = lease();

    assertThat(slice.stop()).isEqualTo(500);
    assertThat(slice.values().keys().getFirst() + " " + slice.values().keys().getLast())
        .isEqualTo("1 500");
    assertThat(slice.values().parameters().getFirst().getLast()).isEqualTo("2026-11-01");
    assertThat(slice.values().parameters().getLast().getLast()).isEqualTo("500");
    assertThat(lease().stop()).isEqualTo(100);
    assertThat(billing.count("select count(*) from koyomi.chunk")).isEqualTo(2);
  }

  @Test
  void packsNoMoreThanAMebibyteIntoOneChunk() throws Exception {
    for (int i = 1; i <= 6; i++) {
      billing.text(
          "select koyomi.enqueue('billing/invoices', '%d', jsonb_build_object('subscriptionId', 1, 'billingDate', '2026-11-01', 'x', repeat('x', 250000)))::text"
              .formatted(i));
    }

    assertThat(lease().stop()).isEqualTo(4);
    assertThat(lease().stop()).isEqualTo(2);
  }

  // Uniqueness ---------------------------------------------------------------------------------

  @Test
  void refusesASecondJobOfTheKeyUntilAWorkerTakesTheFirst() throws Exception {
    String unique = ", unique_while => 'Waiting'";
    assertThat(enqueue(1, unique)).isEqualTo("1");
    assertThat(enqueue(1, unique)).isEqualTo("enqueued already");
    assertThat(enqueue(2, unique)).isNotEqualTo("enqueued already");

    lease();

    assertThat(enqueue(1, unique)).isNotEqualTo("enqueued already");
  }

  @Test
  void refusesASecondJobOfTheKeyUntilTheFirstHasSucceeded() throws Exception {
    String unique = ", unique_while => 'Unfinished'";
    enqueue(1, unique);
    LeasedSlice slice = lease();
    assertThat(enqueue(1, unique)).isEqualTo("enqueued already");

    done(slice);

    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
    assertThat(enqueue(1, unique)).isNotEqualTo("enqueued already");
  }

  @Test
  void keepsTheKeyThroughRetriesUntilTheJobIsDead() throws Exception {
    String unique = ", unique_while => 'Unfinished'";
    enqueue(1, unique);
    enqueue(2, unique);
    fail(lease(), Duration.ofMinutes(1));
    assertThat(enqueue(1, unique)).isEqualTo("enqueued already");
    clock.advance(Duration.ofMinutes(1));
    LeasedSlice other = lease();
    assertThat(other.values().keys()).containsExactly("1");
    assertThat(enqueue(1, unique)).isEqualTo("enqueued already");

    fail(other, null);

    assertThat(enqueue(1, unique)).isNotEqualTo("enqueued already");
    assertThat(enqueue(2, unique)).isEqualTo("enqueued already");
  }

  @ParameterizedTest
  @ValueSource(strings = {"in the inbox", "leased", "in a retry"})
  void freesTheKeyOfACancelledJob(String where) throws Exception {
    String unique = ", unique_while => 'Unfinished'";
    enqueue(1, unique);
    if (!where.equals("in the inbox")) {
      LeasedSlice slice = lease();
      if (where.equals("in a retry")) {
        fail(slice, Duration.ofHours(1));
      }
    }

    assertThat(
            billing.count(
                "select koyomi.cancel_jobs(%d, null, array['1'], null)"
                    .formatted(billing.batchId())))
        .isEqualTo(1);

    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
    assertThat(enqueue(1, unique)).isNotEqualTo("enqueued already");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void leavesNoKeyBehindWhenTheQueueIsCleared(boolean taken) throws Exception {
    String unique = ", unique_while => 'Unfinished'";
    enqueue(1, unique);
    if (taken) {
      LeasedSlice slice = lease();
      billing.text("select koyomi.give_back(%d)::text".formatted(slice.lease()));
    }

    assertThat(billing.count("select koyomi.clear(%d, null)".formatted(billing.batchId())))
        .isEqualTo(1);

    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
  }

  /** The first is running, and its key was free again when the second came. */
  @ParameterizedTest
  @ValueSource(strings = {"succeeds", "is cancelled", "is cancelled while it waits again"})
  void theEndOfAJobFreesNoOtherJobsKey(String how) throws Exception {
    enqueue(1, ", unique_while => 'Waiting'");
    LeasedSlice first = lease();
    enqueue(1, ", unique_while => 'Unfinished', run_at => koyomi.now() + interval '1 h'");

    switch (how) {
      case "succeeds" -> done(first);
      case "is cancelled" -> cancel(1);
      default -> {
        fail(first, Duration.ofHours(1));
        billing.execute("update koyomi.failure set cut = false");
        billing.execute("delete from koyomi.slice");
        cancel(1);
      }
    }

    assertThat(enqueue(1, ", unique_while => 'Unfinished'")).isEqualTo("enqueued already");
  }

  /** The period of the first is over, and it still waits. */
  @Test
  void takingAJobFreesNoOtherJobsKey() throws Exception {
    enqueue(1, ", unique_for => '1 s'");
    clock.advance(Duration.ofSeconds(1));
    enqueue(1, ", unique_while => 'Waiting', run_at => koyomi.now() + interval '1 h'");

    assertThat(lease().stop()).isEqualTo(1);

    assertThat(enqueue(1, ", unique_while => 'Waiting'")).isEqualTo("enqueued already");
  }

  private void cancel(int job) {
    assertThat(
            billing.count(
                "select koyomi.cancel_jobs(%d, null, null, '{%d}')"
                    .formatted(billing.batchId(), job)))
        .isEqualTo(1);
  }

  @Test
  void refusesASecondJobOfTheKeyForAPeriod() throws Exception {
    String unique = ", unique_for => '1 hour'";
    enqueue(1, unique);
    work();
    assertThat(invoices()).isEqualTo(1);
    clock.advance(Duration.ofMinutes(59));
    assertThat(enqueue(1, unique)).isEqualTo("enqueued already");

    clock.advance(Duration.ofMinutes(1));

    assertThat(enqueue(1, unique)).isNotEqualTo("enqueued already");
    assertThat(enqueue(1, unique)).isEqualTo("enqueued already");
    clock.advance(Duration.ofHours(1));
    sweep();
    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
  }

  /** It was asked for a period, whatever becomes of the job. */
  @ParameterizedTest
  @ValueSource(strings = {"cancel_jobs(1, null, '{1}', null)", "clear(1, null)"})
  void keepsTheKeyOfAPeriodWhenTheJobIsCancelled(String verb) {
    enqueue(1, ", unique_for => '1 hour'");

    assertThat(billing.count("select koyomi." + verb)).isEqualTo(1);

    assertThat(enqueue(1, ", unique_for => '1 hour'")).isEqualTo("enqueued already");
  }

  @Test
  void givesNullForTheSecondJobOfAKeyInOneArray() {
    assertThat(
            billing.text(
                "select koyomi.enqueue_all('billing/invoices', '[{\"key\": \"a\"}, {\"key\":"
                    + " \"b\"}, {\"key\": \"a\"}, {\"key\": \"c\"}]', unique_while =>"
                    + " 'Waiting')::text"))
        .isEqualTo("{1,2,NULL,3}");
    assertThat(billing.text("select keys::text from koyomi.inbox")).isEqualTo("{a,b,c}");
  }

  @ParameterizedTest
  @CsvSource({"true, enqueued already", "false, 2"})
  void waitsForAnotherCallerOfTheSameKey(boolean commits, String answer) throws Exception {
    try (Rival first = new Rival(DATABASE.dataSource());
        Rival second = new Rival(DATABASE.dataSource())) {
      String sql = enqueueing(1, ", unique_while => 'Waiting'");
      first.inOpenTransaction(connection -> text(connection, sql));

      var waiting = second.blocked(connection -> text(connection, sql));
      assertThat(waiting).isNotDone();
      if (commits) {
        first.commit();
      } else {
        first.connection().rollback();
      }

      assertThat(Rival.outcome(waiting)).isEqualTo(answer);
    }
    assertThat(billing.count("select count(*) from koyomi.inbox")).isEqualTo(1);
  }

  /**
   * The key of a job that is about to end is neither taken nor free: the answer is that of who ends
   * it.
   */
  @ParameterizedTest
  @CsvSource({"true, 2", "false, enqueued already"})
  void waitsForWhoIsFreeingTheKey(boolean commits, String answer) throws Exception {
    String unique = ", unique_while => 'Unfinished'";
    enqueue(1, unique);
    LeasedSlice slice = lease();
    try (Rival worker = new Rival(DATABASE.dataSource());
        Rival enqueuer = new Rival(DATABASE.dataSource())) {
      worker.inOpenTransaction(
          connection ->
              text(
                  connection,
                  "select koyomi.advance(%d, %d, 0, 1, null)::text"
                      .formatted(slice.id(), slice.lease())));

      var waiting = enqueuer.blocked(connection -> text(connection, enqueueing(1, unique)));
      assertThat(waiting).isNotDone();
      if (commits) {
        worker.commit();
      } else {
        worker.connection().rollback();
      }

      assertThat(Rival.outcome(waiting)).isEqualTo(answer);
    }
  }

  /** Whoever is told that a key is taken may keep its transaction open for as long as it likes. */
  @ParameterizedTest
  @ValueSource(
      strings = {"a lease", "the end of a job", "an expiry", "a cancel", "a clear", "a sweep"})
  void whoIsToldThatAKeyIsTakenHoldsUpNobody(String who) throws Exception {
    String unique =
        who.equals("a lease") ? ", unique_while => 'Waiting'" : ", unique_while => 'Unfinished'";
    enqueue(1, unique + (who.equals("an expiry") ? ", expires_at => koyomi.now() + '1 s'" : ""));
    String free =
        switch (who) {
          case "a lease", "an expiry" ->
              "select koyomi.lease(%d, 7, false, true, '{}', '{}', '{}', false)::text"
                  .formatted(billing.join());
          case "a cancel" ->
              "select koyomi.cancel_jobs(%d, null, '{1}', null)::text".formatted(billing.batchId());
          case "a clear" -> "select koyomi.clear(%d, null)::text".formatted(billing.batchId());
          case "a sweep" -> {
            lease();
            billing.execute("update koyomi.slice set alone = true, suspect = 1, lost = 2");
            billing.execute("update koyomi.worker set lost_at = koyomi.now()");
            yield "select koyomi.sweep()::text";
          }
          default -> {
            LeasedSlice slice = lease();
            yield "select koyomi.advance(%d, %d, 0, 1, null)::text"
                .formatted(slice.id(), slice.lease());
          }
        };
    try (Connection open = DATABASE.dataSource().getConnection()) {
      open.setAutoCommit(false);
      assertThat(text(open, enqueueing(1, unique))).isEqualTo("enqueued already");
      clock.advance(Duration.ofSeconds(1));

      withoutWaiting(free);

      assertThat(enqueue(1, unique)).isNotEqualTo("enqueued already");
      open.commit();
    }
  }

  private void withoutWaiting(String sql) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      text(connection, "select set_config('lock_timeout', '2s', false)");
      try {
        text(connection, sql);
      } finally {
        text(connection, "select set_config('lock_timeout', '0', false)");
      }
    }
  }

  /**
   * @param expired whether the second key was taken for a period that is over
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void twoWhoEnqueueTheSameKeysInAnotherOrderDoNotWaitForEachOther(boolean expired)
      throws Exception {
    String unique = ", unique_while => 'Waiting'";
    if (expired) {
      enqueue(2, ", unique_for => '1 s'");
      clock.advance(Duration.ofSeconds(1));
    }
    try (Rival one = new Rival(DATABASE.dataSource());
        Rival other = new Rival(DATABASE.dataSource())) {
      one.inOpenTransaction(connection -> text(connection, enqueueing(1, unique)));
      var waiting =
          other.blocked(
              connection ->
                  text(
                      connection,
                      "select koyomi.enqueue_all('billing/invoices', '[{\"key\": 2}, {\"key\":"
                          + " 1}]', unique_while => 'Waiting')::text"));
      assertThat(waiting).isNotDone();
      assertThat(text(one.connection(), enqueueing(2, unique))).isNotEqualTo("enqueued already");
      one.commit();
      assertThat(Rival.outcome(waiting)).isEqualTo("{NULL,NULL}");
    }
  }

  /** The order of the index is no merit of the statement. */
  private static final String KEYS_AS_THEY_LIE =
      "select set_config('enable_indexscan', '%1$s', false), set_config('enable_bitmapscan',"
          + " '%1$s', false), set_config('enable_indexonlyscan', '%1$s', false)";

  /**
   * A third one holds up the freeing at the second key; who enqueues meanwhile waits for nobody.
   */
  @ParameterizedTest
  @ValueSource(strings = {"a lease", "a cancel", "a clear", "the end of a slice"})
  void freesKeysInTheirOrder(String how) throws Exception {
    String both =
        "select koyomi.enqueue_all('billing/invoices', '[%s]', unique_while => '%s')::text";
    String scope = how.equals("a lease") ? "Waiting" : "Unfinished";
    billing.text(both.formatted("{\"key\": \"b\"}, {\"key\": \"a\"}", scope));
    String free =
        switch (how) {
          case "a lease" ->
              "select koyomi.lease(%d, 7, false, true, '{}', '{}', '{}', false)::text"
                  .formatted(billing.join());
          case "a cancel" ->
              "select koyomi.cancel_jobs(%d, null, '{a, b}', null)::text"
                  .formatted(billing.batchId());
          case "a clear" -> "select koyomi.clear(%d, null)::text".formatted(billing.batchId());
          default -> {
            LeasedSlice slice = lease();
            yield "select koyomi.advance(%d, %d, 0, 2, null)::text"
                .formatted(slice.id(), slice.lease());
          }
        };
    try (Rival third = new Rival(DATABASE.dataSource());
        Rival freeing = new Rival(DATABASE.dataSource());
        Rival enqueuer = new Rival(DATABASE.dataSource())) {
      third.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute("select from koyomi.unique_job where key = 'b' for update"));
      text(freeing.connection(), KEYS_AS_THEY_LIE.formatted("off"));
      var freed = freeing.blocked(connection -> text(connection, free));
      assertThat(
              text(
                  enqueuer.connection(),
                  "select string_agg(key, '') from (select key from koyomi.unique_job for update"
                      + " skip locked) as free"))
          .as("the first is locked, the second is waited for")
          .isNull();
      assertThat(
              text(
                  enqueuer.connection(),
                  both.formatted("{\"key\": \"a\"}, {\"key\": \"b\"}", scope)))
          .isEqualTo("{NULL,NULL}");
      third.commit();

      assertThat(Rival.outcome(freed)).isNotNull();
      text(freeing.connection(), KEYS_AS_THEY_LIE.formatted("on"));
    }
  }

  // The run of the day --------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"", ", unique_while => 'Waiting'"})
  void anOpenTransactionOfAnEnqueuerBlocksNeitherEnqueuersNorWorkers(String further)
      throws Exception {
    try (Connection open = DATABASE.dataSource().getConnection()) {
      open.setAutoCommit(false);
      text(open, enqueueing(1, further));
      assertThat(enqueue(2, further)).isEqualTo("2");
      work();
      assertThat(invoices()).isEqualTo(1);
      assertThat(billing.count("select count(*) from koyomi.run")).isEqualTo(1);
      open.commit();
    }
    work();
    assertThat(invoices()).isEqualTo(2);
    assertThat(billing.run()).isEqualTo("Running 2/2/0/0");
  }

  @Test
  void anOpenTransactionOfAnEnqueuerHoldsUpNoNewDefinition() throws Exception {
    String definition = Billing.definition(Billing.manifest("maxAttempts: 2", "maxAttempts: 3"));
    try (Connection open = DATABASE.dataSource().getConnection();
        Connection operator = DATABASE.dataSource().getConnection()) {
      open.setAutoCommit(false);
      text(open, enqueueing(1, ", unique_while => 'Unfinished'"));
      text(operator, "select set_config('lock_timeout', '2s', false)");
      try (var statement =
          operator.prepareStatement(
              "select koyomi.register('billing/invoices', 'test', 2, false, ?::jsonb)")) {
        statement.setString(1, definition);
        statement.execute();
      } finally {
        text(operator, "select set_config('lock_timeout', '0', false)");
      }
      open.commit();
    }
    assertThat(billing.count("select generation from koyomi.batch")).isEqualTo(2);
  }

  @Test
  void makesTheRunOfTheDayWhenAJobIsTaken() throws Exception {
    enqueue(1);
    assertThat(billing.count("select count(*) from koyomi.run")).isZero();

    work();

    assertThat(
            billing.text(
                "select format('%s %s %s', request, logical_date, open_until at time zone 'UTC')"
                    + " from koyomi.run"))
        .isEqualTo("enqueued/2026-11-01 2026-11-01 2026-11-01 15:00:00");
  }

  @Test
  void twoWhoTakeTheFirstJobsOfADayMakeOneRun() throws Exception {
    enqueue(1);
    enqueue(2, ", priority => 'Low'");
    long worker = billing.join();
    try (Rival first = new Rival(DATABASE.dataSource());
        Rival second = new Rival(DATABASE.dataSource())) {
      first.inOpenTransaction(
          connection ->
              text(connection, "select koyomi.open_day(%d)".formatted(billing.batchId())));

      var leased = second.blocked(connection -> billing.lease(connection, worker));
      first.commit();

      assertThat(Rival.outcome(leased)).isPresent();
    }
    assertThat(billing.count("select count(*) from koyomi.run")).isEqualTo(1);
  }

  /** Between the look for a run and its making, another one makes it. */
  @Test
  void makesNoSecondRunBesideOneThatWasJustMade() throws Exception {
    enqueue(1);
    long worker = billing.join();
    try (Rival first = new Rival(DATABASE.dataSource());
        Rival second = new Rival(DATABASE.dataSource())) {
      first.inOpenTransaction(
          connection ->
              connection.createStatement().execute("lock table koyomi.run in share mode"));
      var leased = second.blocked(connection -> billing.lease(connection, worker));
      text(first.connection(), "select koyomi.open_day(%d)".formatted(billing.batchId()));
      first.commit();

      assertThat(Rival.outcome(leased)).isPresent();
    }
    assertThat(billing.count("select count(*) from koyomi.run")).isEqualTo(1);
  }

  @Test
  void closesTheRunOfTheDayAfterItsDay() throws Exception {
    enqueue(1);
    work();
    sweep();
    assertThat(billing.run()).isEqualTo("Running 1/1/0/0");

    clock.advance(Duration.ofHours(23));
    enqueue(2);
    work();
    clock.advance(Duration.ofHours(1));
    sweep();

    assertThat(billing.run()).isEqualTo("Succeeded 2/2/0/0");
    enqueue(3);
    work();
    assertThat(
            billing.text(
                "select string_agg(state || ' ' || request, ', ' order by id) from koyomi.run"))
        .isEqualTo("Succeeded enqueued/2026-11-01, Running enqueued/2026-11-02");
  }

  @Test
  void countsAnExpiredJobOnceThoughTheRunOfTheDayIsClosedTwice() throws Exception {
    enqueue(1, ", expires_at => koyomi.now() + interval '1 minute'");
    clock.advance(Duration.ofMinutes(1));
    enqueue(2);
    fail(lease(), null);
    clock.advance(Duration.ofDays(1));
    sweep();
    assertThat(billing.run()).isEqualTo("Failed 2/0/0/1");

    billing.text("select koyomi.retry_dead(1, null, null)::text");
    work();

    assertThat(billing.run()).isEqualTo("Succeeded 2/1/0/0");
  }

  /** A batch that is fired each minute and mostly selects nothing, and a run of many pieces. */
  @Test
  void findsTheSizeOfASliceAmongManyRunsAndPieces() {
    billing.execute(
        """
        insert into koyomi.run (batch_id, occurrence, request, logical_date, revision, state, exclusive, select_timeout, created_at, ended_at, selected)
          select %d, koyomi.now(), n::text, '2026-11-01', 'r', 'Succeeded', false, '1m', koyomi.now(), koyomi.now(), case n when 1 then 1 else 0 end
            from generate_series(1, 10000) as n
        """
            .formatted(billing.batchId()));
    billing.execute(
        """
        insert into koyomi.work (run_id, kind, first, stop, succeeded, skipped, cancelled, began_at, ended_at)
          select 1, 'Done', 0, 10, 10, 0, 0, koyomi.now() - interval '1 s', koyomi.now() from generate_series(1, 10000)
        """);
    billing.execute("vacuum analyze koyomi.run, koyomi.work");
    String ask = "select koyomi.slice_size(%d)".formatted(billing.batchId());
    assertThat(billing.count(ask)).isEqualTo(50);

    long pages =
        DATABASE
            .jdbi()
            .withHandle(
                handle -> {
                  handle.createQuery(ask).mapTo(Long.class).one();
                  return handle
                      .createQuery("explain (analyze, buffers) " + ask)
                      .mapTo(String.class)
                      .stream()
                      .flatMap(
                          line -> Pattern.compile("(?:hit|read)=(\\d+)").matcher(line).results())
                      .mapToLong(match -> Long.parseLong(match.group(1)))
                      .sum();
                });
    assertThat(pages).as("pages that were looked at").isLessThan(100);
  }

  /** Few of many keys are there for a period. */
  @Test
  void findsKeysWhosePeriodIsOverByAnIndex() {
    billing.execute(
        "insert into koyomi.unique_job (batch_id, key, job_id, scope, until) select %d, n::text, n, 'Unfinished', null from generate_series(1, 10000) as n"
            .formatted(billing.batchId()));
    billing.execute("vacuum analyze koyomi.unique_job");

    List<String> plan =
        DATABASE
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery(
                            "explain select from koyomi.unique_job o where o.until <= koyomi.now()"
                                + " limit 1000 for update skip locked")
                        .mapTo(String.class)
                        .list());
    assertThat(plan).anyMatch(line -> line.contains("unique_job_until"));
  }

  @Test
  void takesJobsIntoTheRunOfTheDayAlsoBeforeYesterdaysIsClosed() throws Exception {
    enqueue(1);
    lease();
    clock.advance(Duration.ofDays(1));
    enqueue(2);

    assertThat(lease().run()).isEqualTo(2);
    assertThat(billing.text("select request from koyomi.run where id = 2"))
        .isEqualTo("enqueued/2026-11-02");
  }

  /** Two slots may have tried to make the day's run: the number of the one that did is not 1. */
  private static final String CANCEL_THE_RUN =
      "select koyomi.cancel_run((select id from koyomi.run), 'wrong')::text";

  /** Without the lock on the run the cancel would overlook what is just being taken. */
  @Test
  void makesACancelWaitForJobsThatAreBeingTaken() throws Exception {
    enqueue(1);
    work();
    enqueue(2);
    long worker = billing.join();
    try (Rival taker = new Rival(DATABASE.dataSource());
        Rival canceller = new Rival(DATABASE.dataSource())) {
      taker.inOpenTransaction(
          connection ->
              text(
                  connection,
                  "select koyomi.lease(%d, 7, false, true, '{}', '{}', '{}', false)::text"
                      .formatted(worker)));
      var cancelled = canceller.blocked(connection -> text(connection, CANCEL_THE_RUN));
      assertThat(cancelled).isNotDone();
      taker.commit();
      assertThat(Rival.outcome(cancelled)).isEqualTo("true");
    }
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.run()).isEqualTo("Cancelled 2/1/0/0");
  }

  @Test
  void makesAnotherRunOfTheDayAfterOneWasCancelled() throws Exception {
    enqueue(1);
    work();
    billing.text(CANCEL_THE_RUN);
    enqueue(2);

    work();

    assertThat(
            billing.text(
                "select string_agg(state || ' ' || request, ', ' order by id) from koyomi.run"))
        .isEqualTo("Cancelled enqueued/2026-11-01, Running enqueued/2026-11-01/2");
    assertThat(invoices()).isEqualTo(2);
  }

  @Test
  void makesAnotherRunOfTheDayWhoseFirstIsGone() throws Exception {
    enqueue(1);
    work();
    billing.text(CANCEL_THE_RUN);
    billing.execute("update koyomi.run set request = request || '/2'");
    enqueue(2);

    work();

    assertThat(billing.text("select string_agg(request, ', ' order by id) from koyomi.run"))
        .isEqualTo("enqueued/2026-11-01/2, enqueued/2026-11-01/3");
  }

  @Test
  void parksAJobWhosePayloadLacksAParameter() throws Exception {
    billing.text("select koyomi.enqueue('billing/invoices', 'a', '{\"subscriptionId\": 1}')::text");
    enqueue(2);

    work();

    assertThat(billing.run()).isEqualTo("Running 2/1/0/1");
    assertThat(billing.text("select kind || ' ' || key || ': ' || message from koyomi.dead"))
        .isEqualTo(
            "Parked a: spec.unit.sql uses :billingDate, but this job's payload has no column of"
                + " that name");
  }

  // Sentences -----------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '\0',
      value = {
        "enqueue('billing/invoicez', 'a') ¦ the batch \"billing/invoicez\" is not registered here:"
            + " name it as namespace/name, and apply its manifest first",
        "enqueue('invoices', 'a') ¦ the batch \"invoices\" is not registered here; did you mean"
            + " \"billing/invoices\"?",
        "enqueue('other/invoices', 'a') ¦ the batch \"other/invoices\" is not registered here; did"
            + " you mean \"billing/invoices\"?",
        "enqueue('billing/invoices', '') ¦ job 1: every job is an object with a \"key\" that is not"
            + " empty and, where it has one, a \"payload\" that is an object; this one is {\"key\":"
            + " \"\", \"payload\": {}}",
        "enqueue('billing/invoices', null) ¦ job 1: every job is an object with a \"key\" that is"
            + " not empty and, where it has one, a \"payload\" that is an object; this one is"
            + " {\"key\": null, \"payload\": {}}",
        "enqueue('billing/invoices', 'a', '[1]') ¦ job 1: every job is an object with a \"key\""
            + " that is not empty and, where it has one, a \"payload\" that is an object; this one"
            + " is {\"key\": \"a\", \"payload\": [1]}",
        "enqueue('billing/invoices', 'a', null) ¦ job 1: every job is an object with a \"key\" that"
            + " is not empty and, where it has one, a \"payload\" that is an object; this one is"
            + " {\"key\": \"a\", \"payload\": null}",
        "enqueue_all('billing/invoices', '{\"key\": \"a\"}') ¦ jobs is no JSON array: write"
            + " [{\"key\": \"42\", \"payload\": {…}}, …]",
        "enqueue_all('billing/invoices', null) ¦ jobs is no JSON array: write [{\"key\": \"42\","
            + " \"payload\": {…}}, …]",
        "enqueue_all('billing/invoices', '[{\"key\": 1}, \"b\"]') ¦ job 2: every job is an object"
            + " with a \"key\" that is not empty and, where it has one, a \"payload\" that is an"
            + " object; this one is \"b\"",
        "enqueue_all('billing/invoices', '[{\"key\": 1}, {\"payload\": {}}]') ¦ job 2: every job is"
            + " an object with a \"key\" that is not empty and, where it has one, a \"payload\""
            + " that is an object; this one is {\"payload\": {}}",
        "enqueue('billing/invoices', 'a', priority => 'Highest') ¦ priority \"Highest\" is none of"
            + " High, Normal and Low",
        "enqueue('billing/invoices', 'a', unique_while => 'Running') ¦ unique_while \"Running\" is"
            + " neither Waiting nor Unfinished",
        "enqueue('billing/invoices', 'a', unique_while => 'Waiting', unique_for => '1h') ¦"
            + " unique_while and unique_for exclude each other: leave one of them out",
        "enqueue('billing/invoices', 'long', jsonb_build_object('x', repeat('x', 262136))) ¦ job 1,"
            + " key \"long\": its payload has 262145 bytes, more than spec.job.maxPayload = 262144"
            + " bytes: enqueue a reference to the data, or raise the limit",
        "enqueue('billing/invoices', 'a', run_at => '2026-11-02T00:00Z', expires_at =>"
            + " '2026-11-01T00:00Z') ¦ expires_at 2026-11-01",
        "enqueue('billing/invoices', 'a', run_at => '2020-01-01T00:00Z', expires_at =>"
            + " '2020-01-02T00:00Z') ¦ expires_at 2020-01-02",
      })
  void saysWhatIsWrong(String call, String sentence) {
    assertThatThrownBy(() -> billing.text("select koyomi." + call + "::text"))
        .rootCause()
        .isInstanceOf(SQLException.class)
        .hasMessageStartingWith("ERROR: " + sentence);
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run_at => now()",
        "expires_at => now()",
        "priority => 'High'",
        "priority => 'Normal'"
      })
  void refusesDelayAndPriorityInAnOrderedBatch(String argument) {
    billing = Billing.with(DATABASE, 1, Billing.manifest("job: {", "job: {order: {mode: Fifo}, "));
    assertThatThrownBy(
            () ->
                billing.text(
                    "select koyomi.enqueue('billing/invoices', 'a', %s)::text".formatted(argument)))
        .rootCause()
        .hasMessageStartingWith(
            "ERROR: batch \"billing/invoices\" is ordered (spec.job.order.mode: Fifo): a job of it"
                + " has its place, so leave out run_at, expires_at and priority");
  }

  @Test
  void refusesWhatAJobOfAnArrayCannotSay() {
    billing = Billing.with(DATABASE, 1);

    assertThatThrownBy(
            () ->
                billing.text(
                    "select koyomi.enqueue_all('billing/invoices', '[{\"key\": \"a\"}, {\"key\":"
                        + " \"b\", \"run_at\": \"2027-01-01\"}]')::text"))
        .rootCause()
        .hasMessageStartingWith(
            "ERROR: job 2: a job is an object with \"key\" and \"payload\" and nothing else, and"
                + " this one is {\"key\": \"b\", \"run_at\": \"2027-01-01\"}; run_at, expires_at,"
                + " priority and uniqueness are arguments of the function, for all of its jobs");
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"koyomi.now()", "koyomi.now() - interval '1 hour'", "'-infinity'"})
  void refusesAJobThatHasExpiredAlready(String time) {
    billing = Billing.with(DATABASE, 1);

    assertThatThrownBy(
            () ->
                billing.text(
                    "select koyomi.enqueue('billing/invoices', 'a', expires_at => %s)::text"
                        .formatted(time)))
        .rootCause()
        .hasMessageContaining("is not later than now: the job would never begin");
  }

  /** The binary form of small numbers is longer than their text. */
  @Test
  void measuresAPayloadAsText() {
    billing = Billing.with(DATABASE, 1, Billing.manifest("job: {", "job: {maxPayload: 1Ki, "));

    assertThat(
            billing.text(
                "select koyomi.enqueue('billing/invoices', 'a', jsonb_build_object('x', (select"
                    + " jsonb_agg(0) from generate_series(1, 200))))::text"))
        .isEqualTo("1");
  }

  // Notifications -------------------------------------------------------------------------------

  @Test
  void wakesNobodyWhereNobodySleeps() throws Exception {
    long worker = billing.join();
    assertThat(notifications(() -> enqueue(1))).isEmpty();
    billing.execute(
        "update koyomi.worker set idle = 4, stopped_at = koyomi.now() where id = " + worker);
    assertThat(notifications(() -> enqueue(2))).isEmpty();
  }

  @Test
  void wakesIdleWorkersOncePerStatement() throws Exception {
    billing.execute("update koyomi.worker set idle = 1 where id = " + billing.join());

    assertThat(notifications(() -> enqueue(1))).isEqualTo("1");
    assertThat(
            notifications(
                () ->
                    billing.text(
                        "select count(koyomi.enqueue('billing/invoices', g::text))::text from"
                            + " generate_series(1, 100) as g")))
        .isEqualTo("1");
    assertThat(
            notifications(
                () ->
                    billing.text(
                        "select cardinality(koyomi.enqueue_all('billing/invoices', (select"
                            + " jsonb_agg(jsonb_build_object('key', g)) from generate_series(1,"
                            + " 1200) as g)))::text")))
        .isEqualTo("1");
    assertThat(notifications(() -> enqueue(1, ", unique_while => 'Waiting'"))).isEqualTo("1");
    assertThat(notifications(() -> enqueue(1, ", unique_while => 'Waiting'"))).isEmpty();
  }

  /** How many there were, as text; empty for none. */
  private String notifications(Runnable during) throws SQLException {
    try (Connection listening = DATABASE.dataSource().getConnection()) {
      listening.createStatement().execute("listen koyomi_" + billing.batchId());
      during.run();
      billing.text("select pg_notify('koyomi_%d', 'last')::text".formatted(billing.batchId()));
      int heard = 0;
      while (true) {
        var notifications = listening.unwrap(PGConnection.class).getNotifications(10_000);
        heard += notifications.length;
        if (Arrays.stream(notifications).anyMatch(each -> each.getParameter().equals("last"))) {
          listening.createStatement().execute("unlisten *");
          return heard == 1 ? "" : Integer.toString(heard - 1);
        }
      }
    }
  }
}
