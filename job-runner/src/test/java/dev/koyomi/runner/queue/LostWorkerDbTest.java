package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A job that kills its worker is found, and costs no other job an attempt. */
@NullUnmarked
final class LostWorkerDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private Billing billing;

  private <T> T connected(Rival.Work<T> work) throws SQLException {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      return work.on(connection);
    }
  }

  /**
   * @param alone whether the process says that it holds nothing
   */
  private Optional<LeasedSlice> tryLease(long worker, boolean alone) throws SQLException {
    return connected(connection -> billing.slices().lease(connection, ask(worker, alone)))
            instanceof LeaseAnswer.Leased(LeasedSlice slice)
        ? Optional.of(slice)
        : Optional.empty();
  }

  private static Slices.Ask ask(long worker, boolean alone) {
    return new Slices.Ask(
        worker, new SecureRandom().nextLong(), false, alone, List.of(), true, Integer.MAX_VALUE);
  }

  private LeasedSlice lease(long worker) throws SQLException {
    return tryLease(worker, true).orElseThrow();
  }

  private static String key(LeasedSlice slice) {
    return Objects.requireNonNull(slice.values()).keys().get(slice.position());
  }

  private void work(LeasedSlice slice, int at) throws SQLException {
    connected(connection -> billing.work(connection, slice, at));
  }

  private void crash(long worker) {
    billing.execute("update koyomi.worker set lost_at = koyomi.now() where id = " + worker);
    sweep();
  }

  private void sweep() {
    billing.text("select koyomi.sweep()::text");
  }

  private String slices() {
    return billing.text(
        "select string_agg(format('%s-%s suspect %s lost %s', position, stop, suspect, lost), ', '"
            + " order by id) from koyomi.slice");
  }

  private void fire(int jobs) throws Exception {
    billing = Billing.with(DATABASE, jobs);
    billing.fire();
  }

  @Test
  void suspectsTheJobAtTheCursor() throws Exception {
    fire(10);
    long worker = billing.join();
    LeasedSlice slice = lease(worker);
    work(slice, 0);
    work(slice, 1);

    crash(worker);

    assertThat(slices()).isEqualTo("2-10 suspect 1 lost 0");
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"drained", "stopped"})
  void suspectsNobodyWhenAWorkerWasEnded(String how) throws Exception {
    fire(10);
    long worker = billing.join();
    lease(worker);
    Workers workers = new Workers(DATABASE.jdbi());
    if (how.equals("drained")) {
      workers.drain(worker);
      crash(worker);
    } else {
      workers.leave(worker);
      sweep();
    }

    assertThat(slices()).isEqualTo("0-10 suspect 0 lost 0");
  }

  @Test
  void leasesASuspectOnlyToAProcessThatHoldsNothing() throws Exception {
    fire(600);
    long lost = billing.join();
    lease(lost);
    crash(lost);
    long worker = billing.join();

    LeasedSlice other = lease(worker);
    assertThat(other.suspect()).as("unsuspected jobs go first").isZero();
    assertThat(tryLease(worker, false)).isEmpty();
    assertThat(tryLease(worker, true)).as("it holds another slice, whatever it says").isEmpty();
    billing.text("select koyomi.give_back(%d)::text".formatted(other.lease()));
    lease(billing.join());

    assertThat(tryLease(worker, false)).isEmpty();
    assertThat(lease(worker).suspect()).isEqualTo(1);
  }

  @Test
  void leasesNothingElseToAProcessThatWorksASuspect() throws Exception {
    fire(10);
    long lost = billing.join();
    lease(lost);
    crash(lost);
    long worker = billing.join();
    LeasedSlice suspect = lease(worker);
    enqueue("other");

    assertThat(tryLease(worker, false)).isEmpty();
    assertThat(tryLease(worker, true)).isEmpty();
    assertThat(tryLease(billing.join(), false)).isPresent();

    enqueue("another");
    work(suspect, 0);
    assertThat(slices()).startsWith("1-10 suspect 0 lost 0");
    assertThat(tryLease(worker, false)).as("the suspect has survived").isPresent();
  }

  private void enqueue(String key) {
    billing.text("select koyomi.enqueue('billing/invoices', '%s')::text".formatted(key));
  }

  /** There is always something else to do. */
  @Test
  void theOldestWorkerMakesRoomForASuspectThatHasWaitedForAMinute() throws Exception {
    TestClock clock = DATABASE.stopClock();
    fire(1200);
    clock.advance(Duration.ofHours(1));
    new Workers(DATABASE.jdbi()).join("selects", Workers.Kind.Trigger, billing.batchId());
    long lost = billing.join();
    lease(lost);
    crash(lost);
    long oldest = billing.join();
    long other = billing.join();
    LeasedSlice inHand = tryLease(oldest, true).orElseThrow();
    assertThat(inHand.suspect()).isZero();
    assertThat(better(inHand)).isFalse();

    clock.advance(Duration.ofMinutes(1));

    assertThat(better(inHand)).isTrue();
    LeaseAnswer busy =
        connected(connection -> billing.slices().lease(connection, ask(oldest, false)));
    assertThat(busy).isEqualTo(new LeaseAnswer.Limited(Duration.ofMillis(100)));
    assertThat(tryLease(other, false).orElseThrow().suspect()).isZero();
    connected(connection -> billing.slices().giveBack(connection, oldest, inHand.lease()));
    LeasedSlice suspect = tryLease(oldest, true).orElseThrow();
    assertThat(suspect.suspect()).isPositive();
    assertThat(better(suspect)).isFalse();
  }

  private boolean better(LeasedSlice slice) throws SQLException {
    return connected(connection -> billing.slices().outlook(connection, slice, List.of())).better();
  }

  /** Two slots of one process ask at the same moment, one for a suspect. */
  @Test
  void aSlotThatAsksWhileAnotherTakesASuspectWaitsAndGetsNothing() throws Exception {
    fire(10);
    long lost = billing.join();
    lease(lost);
    crash(lost);
    long worker = billing.join();
    try (Rival first = new Rival(DATABASE.dataSource());
        Rival second = new Rival(DATABASE.dataSource())) {
      first.inOpenTransaction(
          connection ->
              connection
                  .createStatement()
                  .execute(
                      "select koyomi.lease(%d, 77, false, true, '{}', '{}', '{}', false)"
                          .formatted(worker)));
      enqueue("other");
      var leased = second.blocked(connection -> billing.lease(connection, worker));
      assertThat(leased).isNotDone();
      first.commit();
      assertThat(Rival.outcome(leased)).isEmpty();
    }
    assertThat(billing.count("select count(*) from koyomi.slice where lease = 77 and alone"))
        .isEqualTo(1);
  }

  @Test
  void aSlotGoesOnInNoLaneWhileAnotherWorksASuspect() throws Exception {
    billing =
        Billing.with(
            DATABASE, 2, Billing.manifest("job: {", "job: {order: {mode: FifoByKey, lanes: 8}, "));
    enqueueDone("a");
    long lost = billing.join();
    lease(lost);
    crash(lost);
    enqueueDone("b");
    long worker = billing.join();
    LeasedSlice b = tryLease(worker, false).orElseThrow();
    assertThat(key(b)).isEqualTo("b");
    work(b, 0);
    assertThat(key(lease(worker))).isEqualTo("a");
    enqueueDone("b");
    billing.text("select koyomi.fill_lanes(%d)::text".formatted(billing.batchId()));

    LeaseAnswer next =
        connected(connection -> billing.slices().finishAndNextInLane(connection, b, worker, false));
    assertThat(next).isEqualTo(new LeaseAnswer.Nothing());
    assertThat(key(lease(billing.join()))).isEqualTo("b");
  }

  private void enqueueDone(String key) {
    billing.text(
        "select koyomi.enqueue('billing/invoices', '%s', '{\"subscriptionId\": 1, \"billingDate\": \"2026-11-01\"}')::text"
            .formatted(key));
  }

  @Test
  void aJobThatKillsItsWorkersAloneIsDeadAndTheRestGoesOn() throws Exception {
    fire(10);
    long first = billing.join();
    work(lease(first), 0);
    crash(first);
    for (int alone = 1; alone <= 3; alone++) {
      assertThat(slices()).isEqualTo("1-10 suspect 1 lost " + (alone - 1));
      long worker = billing.join();
      assertThat(key(lease(worker))).isEqualTo("2");
      crash(worker);
    }

    assertThat(slices()).isEqualTo("2-10 suspect 0 lost 0");
    assertThat(
            billing.text(
                "select kind || ' ' || key || ' ' || error_class || ': ' || message from"
                    + " koyomi.dead"))
        .isEqualTo(
            "Dead 2 WorkerLost: the worker that ran this job, and nothing else, ended without a"
                + " word 3 times: out of memory, perhaps");
    billing.drain();
    assertThat(billing.run()).isEqualTo("PartiallyFailed 10/9/0/1");
  }

  @Test
  void theLastJobOfASliceThatKillsItsWorkersIsDead() throws Exception {
    billing =
        Billing.with(DATABASE, 1, Billing.manifest("maxAttempts: 2", "onLost: 1, maxAttempts: 2"));
    billing.fire();
    for (int i = 0; i < 2; i++) {
      long worker = billing.join();
      lease(worker);
      crash(worker);
    }

    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
    assertThat(billing.run()).isEqualTo("Failed 1/0/0/1");
  }

  @Test
  void aCrashBesideOthersCountsNothingAgainstASuspect() throws Exception {
    fire(10);
    for (int i = 0; i < 5; i++) {
      long worker = billing.join();
      lease(worker);
      billing.execute("update koyomi.slice set alone = false");
      crash(worker);
    }

    assertThat(slices()).isEqualTo("0-10 suspect 1 lost 0");
    assertThat(billing.count("select count(*) from koyomi.dead")).isZero();
  }

  /** Once the suspect has survived, other slots of its process lease again. */
  @ParameterizedTest
  @CsvSource({"1, 1", "3, 3"})
  void aCrashAfterASuspectSurvivedIsNoProofAgainstTheJobBehindIt(int jobs, int suspect)
      throws Exception {
    billing =
        Billing.with(
            DATABASE,
            10,
            Billing.committing(
                Billing.manifest("maxAttempts: 2", "onLost: 1, maxAttempts: 2"),
                jobs == 1 ? "{mode: Each}" : "{mode: Many, jobs: %d}".formatted(jobs)));
    billing.fire();
    long lost = billing.join();
    lease(lost);
    crash(lost);
    long worker = billing.join();
    LeasedSlice survivor = lease(worker);
    for (int at = 0; at < jobs; at++) {
      work(survivor, at);
    }
    assertThat(slices()).isEqualTo("%d-10 suspect 0 lost 0".formatted(jobs));
    enqueue("other");
    assertThat(tryLease(worker, false)).isPresent();

    crash(worker);

    assertThat(billing.count("select count(*) from koyomi.dead")).isZero();
    assertThat(slices()).startsWith("%d-10 suspect %d lost 0".formatted(jobs, suspect));
  }

  @ParameterizedTest
  @CsvSource({"Continue, a2, 0", "StopLane, none, 1"})
  void aDeadJobOfALaneIsTreatedAsAnyOther(String onDead, String done, int stopped)
      throws Exception {
    billing =
        Billing.with(
            DATABASE,
            2,
            Billing.manifest(
                "job: {retry: {",
                "job: {order: {mode: FifoByKey, lanes: 8, onDead: %s}, retry: {onLost: 1, "
                    .formatted(onDead)));
    enqueueDone("a");
    enqueueDone("a");
    for (int i = 0; i < 2; i++) {
      long worker = billing.join();
      lease(worker);
      crash(worker);
    }

    assertThat(billing.text("select error_class from koyomi.dead")).isEqualTo("WorkerLost");
    assertThat(billing.count("select count(*) from koyomi.held_lanes where retry_at is null"))
        .isEqualTo(stopped);
    billing.workOnce(true);
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(1 - stopped);
    if (stopped == 1) {
      billing.text("select koyomi.retry_dead(1, null, null)::text");
      billing.workOnce(true);
      assertThat(billing.count("select count(*) from invoice")).isEqualTo(2);
    }
  }

  /** A verb that changes the run is to see the job as dead in its lane, or not at all. */
  @Test
  void leavesWhatAWorkerHeldWhileItsRunIsChanged() throws Exception {
    billing =
        Billing.with(
            DATABASE,
            2,
            Billing.manifest(
                "job: {retry: {",
                "job: {order: {mode: Fifo, onDead: StopLane}, retry: {onLost: 1, "));
    enqueueDone("a");
    long first = billing.join();
    lease(first);
    crash(first);
    long second = billing.join();
    lease(second);
    try (Rival person = new Rival(DATABASE.dataSource())) {
      person.inOpenTransaction(
          open -> open.createStatement().execute("select from koyomi.run for no key update"));
      crash(second);
      assertThat(billing.count("select count(*) from koyomi.dead")).isZero();
      person.commit();
    }
    billing.text("select koyomi.sweep()::text");
    assertThat(billing.text("select error_class from koyomi.dead")).isEqualTo("WorkerLost");
  }

  /** Any job of the transaction that was under way may be the reason. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{mode: Many, jobs: 3} | 3 | 1 1 1 3 3",
        "{mode: Chunk}         | 10 | 1 1 1 1 1 1 1 1 1 1",
      })
  void suspectsAWholeGroupAndWorksItOneByOne(String commit, int suspect, String together)
      throws Exception {
    String sql =
        commit.contains("Chunk")
            ? "INSERT INTO invoice (subscription_id, billing_date, amount) SELECT"
                + " job.\"subscriptionId\", job.\"billingDate\","
                + " pg_current_xact_id()::text::numeric FROM koyomi.jobs() AS"
                + " job(\"subscriptionId\" int, \"billingDate\" date)"
            : "INSERT INTO invoice (subscription_id, billing_date, amount) VALUES (:subscriptionId,"
                + " :billingDate, pg_current_xact_id()::text::numeric)";
    billing =
        Billing.with(
            DATABASE,
            10,
            Billing.committing(Billing.unit(sql), commit)
                .replace("concurrency: 4", "concurrency: 1"));
    billing.fire();
    long worker = billing.join();
    lease(worker);

    crash(worker);
    assertThat(slices()).isEqualTo("0-10 suspect %d lost 0".formatted(suspect));
    billing.drain();

    assertThat(billing.run()).isEqualTo("Succeeded 10/10/0/0");
    assertThat(
            billing.text(
                "select string_agg(jobs::text, ' ' order by first) from (select min(id) as first,"
                    + " count(*) as jobs from invoice group by amount) as t"))
        .startsWith(together);
  }
}
