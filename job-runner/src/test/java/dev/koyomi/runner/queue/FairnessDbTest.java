package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.unit.Ending;
import dev.koyomi.runner.unit.Stride;
import dev.koyomi.runner.unit.Units;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is served first, and what a slot keeps for itself. */
@NullUnmarked
final class FairnessDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private Billing billing;
  private TestClock clock;

  @BeforeEach
  void stopTheClock() {
    clock = DATABASE.stopClock();
  }

  private void enqueue(String key, String priority) {
    enqueueAll(key, priority, 1);
  }

  /** So many jobs of one key. */
  private void enqueueAll(String key, String priority, int jobs) {
    billing.text(
        """
        select koyomi.enqueue_all('billing/invoices', (
          select jsonb_agg(jsonb_build_object('key', '%s', 'payload', jsonb_build_object('subscriptionId', %s, 'billingDate', '2026-11-01')))
            from generate_series(1, %d)), priority => '%s')::text
        """
            .formatted(key, priority.equals("Low") ? 1 : 2, jobs, priority));
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

  private LeasedSlice leaseOldest() throws SQLException {
    long worker = billing.join();
    Slices.Ask ask =
        new Slices.Ask(
            worker, new SecureRandom().nextLong(), true, true, List.of(), true, Integer.MAX_VALUE);
    return ((LeaseAnswer.Leased) connected(connection -> billing.slices().lease(connection, ask)))
        .slice();
  }

  /** Of one class only the part from the mark on is looked at: dead rows lie before it. */
  @Test
  void theMarkHoldsForTheInboxToo() throws Exception {
    billing = Billing.with(DATABASE, 1);
    enqueue("first", "Normal");
    clock.advance(Duration.ofMinutes(1));
    enqueue("second", "Normal");
    OffsetDateTime due = OffsetDateTime.ofInstant(clock.now(), ZoneOffset.UTC);
    long worker = billing.join();
    LeasedSlice.Mark mark = new LeasedSlice.Mark(1, due, 0);
    Slices.Ask ask =
        new Slices.Ask(worker, 77, false, true, List.of(mark), true, Integer.MAX_VALUE);

    LeasedSlice second =
        ((LeaseAnswer.Leased) connected(connection -> billing.slices().lease(connection, ask)))
            .slice();

    assertThat(key(second)).isEqualTo("second");
    assertThat(second.stop()).isOne();
    assertThat(key(lease())).isEqualTo("first");
  }

  /** As long as somebody holds a snapshot, what was worked stays in the indexes. */
  @Test
  void nobodyWalksOverDeadRowsOfAnyClassWithAMark() throws Exception {
    clock.advance(Duration.ofMinutes(1));
    billing = Billing.with(DATABASE, 1);
    long dead = 3000;
    try (Rival holder = new Rival(DATABASE.dataSource())) {
      for (String priority : List.of("High", "Normal", "Low")) {
        billing.execute(
            "select koyomi.enqueue('billing/invoices', g::text, '{}', priority => '%s') from generate_series(1, %d) g"
                .formatted(priority, dead));
      }
      holder.connection().setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      holder.inOpenTransaction(open -> open.createStatement().execute("select from koyomi.batch"));
      long worker = billing.join();
      Slices.Ask ask = new Slices.Ask(worker, 1, false, true, List.of(), false, Integer.MAX_VALUE);
      while (connected(connection -> billing.slices().lease(connection, ask))
          instanceof LeaseAnswer.Leased) {
        billing.execute("delete from koyomi.slice");
      }
      clock.advance(Duration.ofSeconds(1));
      billing.text(
          "select koyomi.enqueue('billing/invoices', 'last', '{}', priority => 'Low')::text");
      LeasedSlice present = lease();
      clock.advance(Duration.ofSeconds(1));
      billing.text(
          "select koyomi.enqueue('billing/invoices', 'next', '{}', priority => 'Low')::text");
      List<LeasedSlice.Mark> marks = List.of(mark(0, present), mark(1, present), mark(2, present));

      for (Looking look :
          List.<Looking>of(
              (connection, from) ->
                  billing.slices().untilNextDue(connection, billing.batchId(), from),
              (connection, from) -> billing.slices().outlook(connection, present, from),
              (connection, from) ->
                  billing
                      .slices()
                      .lease(
                          connection,
                          new Slices.Ask(
                              worker, 2, false, true, from, false, Integer.MAX_VALUE)))) {
        assertThat(entriesRead(look, List.of())).isGreaterThan(2 * dead);
        assertThat(entriesRead(look, marks)).isLessThan(50);
      }
    }
  }

  private interface Looking {
    Object at(Connection connection, List<LeasedSlice.Mark> from) throws SQLException;
  }

  /** Entries of the indexes for ready work, of dead rows too. */
  private long entriesRead(Looking look, List<LeasedSlice.Mark> from) throws SQLException {
    return connected(
        connection -> {
          connection.setAutoCommit(false);
          try {
            long before = entriesRead(connection);
            look.at(connection, from);
            return entriesRead(connection) - before;
          } finally {
            connection.rollback();
            connection.setAutoCommit(true);
          }
        });
  }

  /** So far in this session. */
  private static long entriesRead(Connection connection) throws SQLException {
    try (var row =
        connection
            .createStatement()
            .executeQuery(
                """
                select pg_stat_get_xact_tuples_returned('koyomi.inbox_ready'::regclass)
                     + pg_stat_get_xact_tuples_returned('koyomi.slice_ready'::regclass)
                """)) {
      row.next();
      return row.getLong(1);
    }
  }

  private static LeasedSlice.Mark mark(int priority, LeasedSlice slice) {
    return new LeasedSlice.Mark(priority, slice.mark().due(), slice.id());
  }

  private Optional<Integer> splitInFour(LeasedSlice slice) throws SQLException {
    return connected(connection -> billing.slices().split(connection, slice, 4));
  }

  private boolean better(LeasedSlice slice) throws SQLException {
    return connected(connection -> billing.slices().outlook(connection, slice, List.of()).better());
  }

  private int hands(LeasedSlice slice) throws SQLException {
    return connected(connection -> billing.slices().outlook(connection, slice, List.of()).hands());
  }

  private void giveBack(LeasedSlice slice) {
    billing.text("select koyomi.give_back(%d)::text".formatted(slice.lease()));
  }

  private static String key(LeasedSlice slice) {
    return Objects.requireNonNull(slice.values()).keys().getFirst();
  }

  // Classes -------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void leasesTheBetterClassFirst(boolean inSlices) throws Exception {
    billing = Billing.with(DATABASE, 2);
    for (String each : new String[] {"Low", "Normal", "High"}) {
      enqueue(each, each);
      clock.advance(Duration.ofSeconds(1));
    }
    if (inSlices) {
      LeasedSlice high = lease();
      LeasedSlice normal = lease();
      giveBack(lease());
      giveBack(normal);
      giveBack(high);
    }

    assertThat(key(lease())).isEqualTo("High");
    assertThat(key(lease())).isEqualTo("Normal");
    assertThat(key(lease())).isEqualTo("Low");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void leasesWhatWaitedLongestWhenAskedTo(boolean inSlices) throws Exception {
    billing = Billing.with(DATABASE, 2);
    for (String each : new String[] {"Low", "High", "Normal"}) {
      enqueue(each, each);
      clock.advance(Duration.ofSeconds(1));
    }
    if (inSlices) {
      LeasedSlice high = lease();
      LeasedSlice normal = lease();
      giveBack(lease());
      giveBack(normal);
      giveBack(high);
    }

    assertThat(key(leaseOldest())).isEqualTo("Low");
    assertThat(key(leaseOldest())).isEqualTo("High");
    assertThat(key(leaseOldest())).isEqualTo("Normal");
  }

  @Test
  void takesWhatWaitedLongestEveryFourthTime() throws Exception {
    billing = Billing.with(DATABASE, 2, Billing.manifest("concurrency: 4", "concurrency: 1"));
    enqueue("low", "Low");
    clock.advance(Duration.ofSeconds(1));
    for (int i = 0; i < 6; i++) {
      enqueueAll("high", "High", 500);
    }

    billing.workOnce(true);

    assertThat(billing.count("select count(*) from invoice")).isEqualTo(3001);
    assertThat(
            billing.count(
                "select count(*) from invoice where id < (select id from invoice where"
                    + " subscription_id = 1)"))
        .isEqualTo(1500);
  }

  // Splitting -----------------------------------------------------------------------------------

  @Test
  void severalSlotsWorkARunOfTenTargets() throws Exception {
    billing =
        Billing.with(
            DATABASE,
            10,
            Billing.unit(
                """
                SELECT pg_sleep(0.3);
                INSERT INTO invoice (subscription_id, billing_date, amount) VALUES (:subscriptionId, :billingDate, pg_backend_pid())
                """));
    DATABASE.startClock();
    billing.fire();

    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 10/10/0/0");
    assertThat(billing.count("select count(distinct subscription_id) from invoice")).isEqualTo(10);
    assertThat(billing.count("select count(distinct amount) from invoice")).isGreaterThan(2);
  }

  @Test
  void seesIdleSlotsOfOtherProcesses() throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    LeasedSlice slice = lease();
    assertThat(hands(slice)).isZero();

    billing.execute("update koyomi.worker set idle = 2 where id = " + billing.join());
    assertThat(hands(slice)).isEqualTo(2);

    enqueue("theirs", "Low");
    giveBack(lease());
    assertThat(hands(slice)).as("they have work").isZero();
  }

  @Test
  void leavesPartOfItsSliceToAnotherProcess() throws Exception {
    billing =
        Billing.with(
            DATABASE,
            200,
            Billing.unit(
                    """
                    SELECT pg_sleep(0.01);
                    INSERT INTO invoice (subscription_id, billing_date, amount) VALUES (:subscriptionId, :billingDate, 1)
                    """)
                .replace("concurrency: 4", "concurrency: 1"));
    DATABASE.startClock();
    billing.fire();
    // Its clock is fast, so that it soon looks around.
    try (WorkerProcess owner =
        billing.worker(EndRule.Drained, () -> System.nanoTime() * 20).start()) {
      billing.execute("update koyomi.worker set idle = 1 where id = " + billing.join());
      assertThat(owner.awaitEnd()).isTrue();
    }

    assertThat(billing.count("select count(distinct first) from koyomi.work")).isGreaterThan(1);
    assertThat(billing.run()).isEqualTo("Succeeded 200/200/0/0");
    assertThat(billing.count("select count(distinct subscription_id) from invoice")).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theOwnerCannotPassItsNewStop(boolean compiled) throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    LeasedSlice slice = lease();

    assertThat(splitInFour(slice)).hasValue(3);

    assertThat(
            billing.text(
                "select string_agg(position || '-' || stop, ' ' order by id) from koyomi.slice"))
        .isEqualTo("0-3 3-6 6-9 9-10");
    Stride stride =
        connected(
            connection ->
                billing.units(compiled).on(connection).run(new Units.Range(slice, 0, 10), null));
    assertThat(stride.ending()).isEqualTo(new Ending.Fenced());
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(3);
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 10/10/0/0");
    assertThat(billing.count("select count(distinct subscription_id) from invoice")).isEqualTo(10);
  }

  @Test
  void splitsNothingUnderALostLease() throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    LeasedSlice slice = lease();
    giveBack(slice);

    assertThat(splitInFour(slice)).isEmpty();
    assertThat(billing.count("select count(*) from koyomi.slice")).isEqualTo(1);
  }

  @Test
  void splitsNothingOfACancelledRun() throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    LeasedSlice slice = lease();
    try (Rival canceller = new Rival(DATABASE.dataSource());
        Rival owner = new Rival(DATABASE.dataSource())) {
      canceller.inOpenTransaction(
          open -> open.createStatement().execute("select koyomi.cancel_run(1, 'wrong')"));
      var split = owner.blocked(connection -> billing.slices().split(connection, slice, 4));
      canceller.commit();
      assertThat(Rival.outcome(split)).isEqualTo(Optional.empty());
    }
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.count("select cancelled from koyomi.runs")).isEqualTo(10);
  }

  /** Its owner goes on: told that the lease is lost, it would lease and lose it for as long. */
  @Test
  void splitsNothingWhileTheRunSelectsAgain() throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    LeasedSlice slice = lease();
    billing.text(
        "select koyomi.select_again(1, %d, 99, 'r2', '1 minute')::text".formatted(billing.join()));

    assertThat(splitInFour(slice)).hasValue(10);
    assertThat(billing.count("select count(*) from koyomi.slice")).isEqualTo(1);
  }

  /** Without the lock on the run the cancel would overlook the pieces that are just being made. */
  @Test
  void makesACancelWaitForASplit() throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    LeasedSlice slice = lease();
    try (Rival owner = new Rival(DATABASE.dataSource());
        Rival canceller = new Rival(DATABASE.dataSource())) {
      owner.inOpenTransaction(open -> billing.slices().split(open, slice, 4));
      var cancelled =
          canceller.blocked(
              waiting -> waiting.createStatement().execute("select koyomi.cancel_run(1, 'wrong')"));
      assertThat(cancelled).isNotDone();
      owner.commit();
      Rival.outcome(cancelled);
    }
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.count("select cancelled from koyomi.runs")).isEqualTo(10);
  }

  @Test
  void thePiecesOfARetryAreRetriesOfTheSameJobs() throws Exception {
    billing = Billing.with(DATABASE, 2);
    billing.text(
        """
        select koyomi.enqueue_all('billing/invoices',
          (select jsonb_agg(jsonb_build_object('key', g)) from generate_series(1, 4) as g), unique_while => 'Unfinished')::text
        """);
    LeasedSlice slice = lease();
    for (int at : new int[] {0, 2, 3}) {
      if (at == 2) {
        connected(connection -> billing.work(connection, slice, 1));
      }
      connected(
          connection ->
              billing
                  .slices()
                  .fail(
                      connection,
                      slice,
                      at,
                      new JobFailure("X", "x", JobFailure.Kind.Dead),
                      Duration.ZERO));
    }
    billing.text("select koyomi.finish(1)::text");
    billing.execute("update koyomi.slice set prior = 1");

    splitInFour(lease());

    assertThat(
            billing.text(
                "select string_agg(format('%s-%s of %s %s %s %s', position, stop, ordinals,"
                    + " attempt, prior, uniq), ', ' order by id) from koyomi.slice"))
        .isEqualTo("0-1 of {0,2,3} 2 1 t, 1-2 of {0,2,3} 2 1 t, 2-3 of {0,2,3} 2 1 t");
  }

  @Test
  void splitsNoSuspectAndNoLane() throws Exception {
    billing = Billing.with(DATABASE, 10);
    billing.fire();
    LeasedSlice slice = lease();
    billing.execute("update koyomi.slice set suspect = 3");
    assertThat(splitInFour(slice)).hasValue(10);

    billing.execute("update koyomi.slice set suspect = 0, lane = 1");
    assertThat(splitInFour(slice)).hasValue(10);
    assertThat(billing.count("select count(*) from koyomi.slice")).isEqualTo(1);
  }

  // Better work ---------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({
    "nothing, false",
    "a pause, true",
    "a better class in the inbox, true",
    "a better class in a slice, true",
    "an older job in a slice, true",
    "a worse class, false",
    "a younger job, false",
    "a better class not yet due, false"
  })
  void givesTheRestBackForBetterWork(String what, boolean better) throws Exception {
    billing = Billing.with(DATABASE, 2);
    enqueue("older", "Normal");
    LeasedSlice older = lease();
    clock.advance(Duration.ofSeconds(1));
    enqueueAll("mine", "Normal", 100);
    LeasedSlice mine = lease();
    clock.advance(Duration.ofSeconds(1));
    switch (what) {
      case "a pause" ->
          billing.text("select koyomi.pause(%d, 'ann', 'why')::text".formatted(billing.batchId()));
      case "a better class in the inbox" -> enqueue("better", "High");
      case "a better class in a slice" -> {
        enqueue("better", "High");
        giveBack(lease());
      }
      case "an older job in a slice" -> giveBack(older);
      case "a worse class" -> enqueue("worse", "Low");
      case "a younger job" -> enqueue("younger", "Normal");
      case "a better class not yet due" ->
          billing.text(
              "select koyomi.enqueue('billing/invoices', 'later', priority => 'High', run_at =>"
                  + " koyomi.now() + interval '1 s')::text");
      default -> {}
    }

    assertThat(better(mine)).isEqualTo(better);
  }

  @Test
  void leavesALaneForAnotherThatWaits() throws Exception {
    billing =
        Billing.with(
            DATABASE, 2, Billing.manifest("job: {", "job: {order: {mode: FifoByKey, lanes: 8}, "));
    billing.text("select koyomi.enqueue('billing/invoices', 'a')::text");
    LeasedSlice a = lease();
    assertThat(better(a)).isFalse();

    billing.text("select koyomi.enqueue('billing/invoices', 'b')::text");
    giveBack(lease());

    assertThat(better(a)).isTrue();
  }

  // Slow Units ----------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void makesSmallerSlicesForSlowUnits(boolean compiled) throws Exception {
    billing =
        Billing.with(
            DATABASE,
            1,
            Billing.unit(
                """
                INSERT INTO invoice (subscription_id, amount) SELECT :subscriptionId, 1;
                SELECT :billingDate, pg_sleep(0.5)
                """));
    DATABASE.startClock();
    billing.fire();
    assertThat(billing.count("select koyomi.slice_size(%d)".formatted(billing.batchId())))
        .isEqualTo(500);
    billing.drain(compiled);

    assertThat(billing.count("select koyomi.slice_size(%d)".formatted(billing.batchId())))
        .isBetween(3L, 10L);

    billing.execute("insert into subscription (id) select generate_series(2, 600)");
    billing
        .trigger()
        .fire(
            new dev.koyomi.runner.trigger.Fired.SlotByPerson(
                Billing.SLOT.plus(Duration.ofDays(1))));
    assertThat(billing.count("select max(stop - position) from koyomi.slice")).isBetween(3L, 10L);
    assertThat(billing.count("select sum(stop - position) from koyomi.slice")).isEqualTo(600);
    assertThat(
            billing.count(
                "select count(distinct (chunk_id, place)) from koyomi.slice,"
                    + " generate_series(position, stop - 1) as place"))
        .isEqualTo(600);
  }
}
