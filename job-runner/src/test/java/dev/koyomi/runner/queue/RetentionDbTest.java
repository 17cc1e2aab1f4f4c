package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is old goes, in small batches; what a person must still look at stays. */
final class RetentionDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final int JOBS = 30;
  private static final List<String> TABLES =
      List.of("run", "chunk", "slice", "failure", "work", "skipped", "dead");

  private Billing billing;
  private TestClock clock;

  @BeforeEach
  void aBatchThatRemembersAWeek() {
    clock = DATABASE.stopClock();
    billing =
        Billing.with(
            DATABASE,
            JOBS,
            Billing.manifest("job: {", "history: {days: 7}\n  job: {")
                .replace("overlap: {policy: Skip}", "overlap: {policy: Allow}"));
  }

  private void sweep() {
    billing.text("select koyomi.sweep()::text");
    billing.text("select koyomi.prune()::text");
  }

  private long rows(long run) {
    return TABLES.stream()
        .mapToLong(
            table ->
                billing.count(
                    "select count(*) from koyomi.%s where %s = %d"
                        .formatted(table, table.equals("run") ? "id" : "run_id", run)))
        .sum();
  }

  /** A run with ten jobs skipped and, where asked for, some that need attention. */
  private long run(String request, boolean dead) throws Exception {
    billing.execute("update subscription set active = true, fee = id");
    if (dead) {
      billing.execute("update subscription set fee = null where id in (1, 2)");
    }
    billing
        .trigger()
        .fire(new dev.koyomi.runner.trigger.Fired.Request("billing/" + request, clock.now()));
    billing.execute("delete from subscription where id > 20");
    billing.workOnce(true);
    // Retries are due after some milliseconds of a clock that stands still.
    clock.advance(Duration.ofSeconds(1));
    sweep();
    billing.workOnce(true);
    sweep();
    billing.execute(
        "insert into subscription (id, fee) select g, g from generate_series(21, %d) g"
            .formatted(JOBS));
    return billing.count("select max(id) from koyomi.run");
  }

  private String states() {
    return billing.text(
        "select coalesce(string_agg(id || ' ' || state, ', ' order by id), '') from koyomi.run");
  }

  @Test
  void whatEndedLongAgoGoesAsAWholeAndNothingElse() throws Exception {
    long old = run("old", false);
    clock.advance(Duration.ofDays(7).minusMinutes(1));
    long open = run("open", false);
    // As old as the other one and not over: one of its jobs waits for long.
    billing.execute("update koyomi.run set state = 'Running', ended_at = null where id = " + open);
    billing.execute(
        "insert into koyomi.slice (batch_id, run_id, chunk_id, stop, due_at) select batch_id, id,"
            + " 0, 1, 'infinity' from koyomi.run where id = "
            + open);
    billing.text(
        "select koyomi.enqueue('billing/invoices', 'k', '{\"subscriptionId\": 1, \"billingDate\":"
            + " \"2026-11-01\"}', run_at => '2100-01-01')::text");
    long recent = run("recent", false);

    sweep();
    assertThat(states()).isEqualTo("1 Succeeded, 2 Running, 3 Succeeded");
    clock.advance(Duration.ofMinutes(2));
    sweep();

    assertThat(rows(old)).isZero();
    assertThat(rows(open)).isGreaterThan(JOBS / 3);
    assertThat(rows(recent)).isGreaterThan(JOBS / 3);
    assertThat(billing.count("select count(*) from koyomi.inbox")).isOne();
  }

  @Test
  void deletesNoMoreRowsAtATimeThanItIsTold() throws Exception {
    long old = run("old", false);
    clock.advance(Duration.ofDays(8));
    long left = rows(old);
    assertThat(left).isGreaterThan(10);
    while (left > 0) {
      assertThat(billing.count("select koyomi.prune_runs(4, 1000000)"))
          .isEqualTo(Math.min(4, left));
      assertThat(rows(old)).isEqualTo(left - Math.min(4, left));
      left = rows(old);
    }
    assertThat(billing.count("select koyomi.prune_runs(4, 1000000)")).isZero();
  }

  /** A chunk may have a megabyte, and five thousand of them are what no statement has time for. */
  @ParameterizedTest
  @ValueSource(strings = {"chunk", "dead"})
  void deletesNoMoreBytesAtATimeThanItIsTold(String table) {
    pastRuns(2, "'Succeeded'");
    // Random, so that none of it is compressed away.
    String payload =
        "(select jsonb_build_array(jsonb_build_object('x', string_agg(md5(random()::text), '')))"
            + " from generate_series(1, 313) where g > 0)";
    billing.execute(
        table.equals("chunk")
            ? "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) select r.id, 0,"
                + " 1,"
                + " '{k}', %s from koyomi.run r, generate_series(1, 5) g".formatted(payload)
            : "insert into koyomi.dead (chunk_id, ordinal, run_id, key, payload, kind, attempt,"
                + " error_class, message, at, discarded_at) select r.id, g, r.id, 'k', %s, 'Dead', 1, 'X', 'broken', koyomi.now(), koyomi.now() from koyomi.run r, generate_series(1, 5) g"
                    .formatted(payload));
    List<Long> left = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      billing.count("select koyomi.prune_runs(5000, 25000)");
      left.add(billing.count("select count(*) from koyomi." + table));
    }
    assertThat(left).containsExactly(7L, 4L, 1L, 0L, 0L);
    assertThat(states()).isEmpty();
  }

  @Test
  void aSweepDoesNotWaitForPruning() {
    pastRuns(1, "'Succeeded'");

    billing.text("select koyomi.sweep()::text");

    assertThat(states()).as("what is old is deleted apart from it").isEqualTo("1 Succeeded");
    sweep();
    assertThat(states()).isEmpty();
  }

  /** Of a run that is half gone, a target that is not found may have been done. */
  @Test
  void refusesToSelectForARunThatIsBeingDeleted() throws Exception {
    long old = run("old", false);
    clock.advance(Duration.ofDays(8));
    billing.count("select koyomi.prune_runs(1, 1000000)");
    assertThat(rows(old)).isPositive();

    assertThatThrownBy(
            () ->
                new Runs(DATABASE.jdbi(), new SecureRandom())
                    .again(old, Reselection.Rest, "r", Duration.ofMinutes(1), billing.join()))
        .hasMessageContaining(
            "run 1 ended longer ago than spec.history.days and is being deleted: what it did is not"
                + " known any more, and nothing can be selected for it");

    billing.execute("update koyomi.batch set keep_days = 1000");
    sweep();
    assertThat(rows(old)).as("what was begun is ended").isZero();
  }

  @Test
  void aRunWhoseJobsNeedAttentionStaysUntilTheyAreDiscarded() throws Exception {
    long run = run("dead", true);
    assertThat(states()).isEqualTo("1 PartiallyFailed");
    clock.advance(Duration.ofDays(30));
    long before = rows(run);
    sweep();
    sweep();
    assertThat(rows(run)).isEqualTo(before);

    discard(run, "1");
    sweep();
    assertThat(rows(run)).as("one of two is left").isEqualTo(before);
    discard(run, "2");
    sweep();
    assertThat(rows(run)).isZero();
  }

  private void discard(long run, String key) {
    Interventions.done(
        DATABASE.jdbi(),
        asked ->
            asked.discard(
                new Interventions.DeadJobs(run, List.of(key), Optional.empty()), "me", "known"));
  }

  @Test
  void aRunWhoseJobsWereRetriedIsOldAWeekAfterItsNewEnd() throws Exception {
    long run = run("dead", true);
    clock.advance(Duration.ofDays(30));
    sweep();
    billing.execute("update subscription set fee = 1");
    Interventions.done(
        DATABASE.jdbi(),
        asked -> asked.retry(new Interventions.DeadJobs(run, List.of(), Optional.empty())));
    billing.workOnce(true);
    sweep();
    assertThat(states()).isEqualTo("1 Succeeded");

    clock.advance(Duration.ofDays(6));
    sweep();
    assertThat(rows(run)).isPositive();
    clock.advance(Duration.ofDays(2));
    sweep();
    assertThat(rows(run)).isZero();
  }

  /** They are older than all that can go, and more than are looked at in one round. */
  @Test
  void runsThatAreKeptDoNotStandInTheWay() {
    pastRuns(100, "'PartiallyFailed'");
    billing.execute(
        "insert into koyomi.dead (chunk_id, ordinal, run_id, key, payload, kind, attempt,"
            + " error_class, message, at) select id, 0, id, 'k', '{}', 'Dead', 1, 'X', 'broken',"
            + " koyomi.now() from koyomi.run");
    pastRuns(50, "'Succeeded'");
    for (int i = 0; i < 8; i++) {
      sweep();
    }
    assertThat(billing.count("select count(*) from koyomi.run where state = 'Succeeded'")).isZero();
    assertThat(billing.count("select count(*) from koyomi.run")).isEqualTo(100);
  }

  private void pastRuns(int number, String state) {
    billing.execute(
        "insert into koyomi.run (batch_id, occurrence, request, logical_date, revision, state,"
            + " exclusive, select_timeout, created_at, ended_at)"
            + " select %d, koyomi.now(), gen_random_uuid()::text, '2026-01-01', 'r', %s, false, '1m', koyomi.now(), koyomi.now() - interval '100 days' + g * interval '1 second'"
                .formatted(billing.batchId(), state)
            + " from generate_series(1, %d) g".formatted(number));
  }

  @Test
  void findsWhatIsOldByAnIndexAmongTenThousandRuns() {
    pastRuns(10_000, "'Succeeded'");
    billing.execute("update koyomi.run set ended_at = koyomi.now() - interval '1 day'");
    billing.execute("vacuum analyze koyomi.run");
    String plan =
        DATABASE
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery(
                            """
                            explain (analyze, buffers, costs off, timing off)
                            select r.id from koyomi.batch b
                              cross join lateral (
                                select r.id from koyomi.run r
                                  where r.batch_id = b.id and r.ended_at <= koyomi.now() - make_interval(days => b.keep_days) and (r.kept_at is null or r.kept_at < r.ended_at)
                                    and r.pruned_at is null
                                  order by r.ended_at limit 20
                                  for no key update of r skip locked) r
                              limit 20
                            """)
                        .mapTo(String.class)
                        .collect(Collectors.joining("\n")));
    assertThat(plan).contains("run_old").doesNotContain("Seq Scan on run");
    assertThat(billing.count("select koyomi.prune_runs(100, 1000000)")).isZero();
  }

  @Test
  void processesThatAreGoneAreForgottenToo() throws Exception {
    run("old", false);
    billing.text(
        "select koyomi.join_as('alive', 'Worker', %d, 2)::text".formatted(billing.batchId()));
    assertThat(count("Worker")).isGreaterThan(1);
    assertThat(count("Trigger")).isPositive();
    clock.advance(Duration.ofDays(2));
    sweep();
    assertThat(count("Trigger")).isZero();
    assertThat(count("Worker")).as("failed attempts name them").isGreaterThan(1);
    clock.advance(Duration.ofDays(6));
    sweep();
    assertThat(count("Worker")).isOne();
  }

  private long count(String kind) {
    return billing.count("select count(*) from koyomi.worker where kind = '%s'".formatted(kind));
  }

  @Test
  void aPeriodOfUniquenessEndsInTheTable() {
    billing.text(
        "select koyomi.enqueue('billing/invoices', 'k', '{\"subscriptionId\": 1, \"billingDate\":"
            + " \"2026-11-01\"}', unique_for => '1h')::text");
    clock.advance(Duration.ofMinutes(59));
    sweep();
    assertThat(billing.count("select count(*) from koyomi.unique_job")).isOne();
    clock.advance(Duration.ofMinutes(2));
    sweep();
    assertThat(billing.count("select count(*) from koyomi.unique_job")).isZero();
  }

  /** The run of a day's enqueued jobs is a run like others once its day is over. */
  @Test
  void theRunOfADayGoesToo() throws Exception {
    billing.text(
        "select koyomi.enqueue('billing/invoices', 'k', '{\"subscriptionId\": 1, \"billingDate\":"
            + " \"2026-11-01\"}')::text");
    billing.workOnce(true);
    clock.advance(Duration.ofDays(2));
    sweep();
    long run = billing.count("select id from koyomi.run where state = 'Succeeded'");
    clock.advance(Duration.ofDays(8));
    sweep();
    assertThat(states()).isEmpty();
    assertThat(rows(run)).isZero();
  }
}
