package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.history.Backlog;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.sql.Connection;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class WhyVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @BeforeEach
  void stopTheClock() {
    TestClock clock = database.stopClock();
    clock.set(Instant.parse("2026-11-02T03:00:00Z"));
  }

  @Test
  void nothingToDo() throws Exception {
    Billing billing = Billing.with(database, 3);
    assertThat(why())
        .isEqualTo(
            """
            billing/invoices has nothing to do: no job waits and none runs.
            It has never run.
            The next slot is 2026-11-03 01:00 (Asia/Tokyo).
            """);

    execute("update subscription set fee = null where id = 2");
    execute("update koyomi.batch set suspended = true");
    billing.fire();
    for (int attempt = 0; attempt < 2; attempt++) {
      once(billing);
      execute("update public.test_clock set at = at + interval '1 minute'");
    }
    Golden.assertScreen("why-attention", type().all());
  }

  @Test
  void paused() throws Exception {
    Billing billing = Billing.with(database, 3);
    billing.fire();
    Typed.on(database.address())
        .with("USER", "ann")
        .type("queue", "pause", "invoices", "--why", "month-end");

    Golden.assertScreen("why-paused", type().all());
  }

  @Test
  void anOlderRunThatIsNotOver() throws Exception {
    Billing billing = Billing.with(database, 3);
    billing.fire();
    billing.join();
    execute(
        "insert into koyomi.run (batch_id, occurrence, logical_date, revision, state, exclusive,"
            + " select_timeout, created_at, ended_at, message) select batch_id, occurrence +"
            + " interval '1 day', logical_date + 1, revision, 'Skipped', false, '1m', koyomi.now(),"
            + " koyomi.now(), 'run 1 of this batch is not over yet' from koyomi.run");

    assertThat(why())
        .contains(
            "Run 1 for 2026-11-01 is Running since 2026-11-02 12:00:00.\n"
                + "The last run, 2 for 2026-11-02, ended as Skipped at");
  }

  /** Its counts move on between the two questions. */
  @Test
  void saysOnceWhatTheOnlyRunIs() throws Exception {
    Billing billing = Billing.with(database, 3);
    execute("update subscription set fee = null where id = 2");
    billing.fire();
    History history = new History(database.jdbi());
    Backlog backlog = new Backlog(database.jdbi());
    RunRow before = history.run(1).orElseThrow();
    once(billing);
    RunRow after = history.run(1).orElseThrow();
    assertThat(after.succeeded()).isGreaterThan(before.succeeded());

    assertThat(
            new Reasons(
                    billing.plan(),
                    backlog.situation("billing/invoices"),
                    backlog.queue("billing/invoices").orElseThrow(),
                    List.of(),
                    List.of(before),
                    Optional.of(after),
                    ZoneOffset.UTC)
                .sentences())
        .filteredOn(sentence -> sentence.contains("1 for 2026-11-01"))
        .hasSize(1);
  }

  @Test
  void nobodyWorks() throws Exception {
    Billing billing = Billing.with(database, 3);
    billing.fire();

    Golden.assertScreen("why-no-worker", type().all());
  }

  @Test
  void cannotReachWhatItNeeds() throws Exception {
    Billing billing = Billing.with(database, 3);
    billing.fire();
    billing.join();
    execute("update koyomi.worker set hindered = 'could not connect to server \"rates\"'");

    Golden.assertScreen("why-hindered", type().all());
  }

  @Test
  void limited() throws Exception {
    Billing billing =
        Billing.with(
            database,
            3,
            Billing.manifest("job: {retry:", "job: {limits: {concurrency: 1, rate: 1/h}, retry:"));
    billing.fire();
    try (Connection connection = database.dataSource().getConnection()) {
      assertThat(billing.lease(connection, billing.join())).isPresent();
      execute("update koyomi.slice set stop = 1");
      execute(
          "insert into koyomi.slice (batch_id, run_id, chunk_id, started, position, stop, due_at)"
              + " select batch_id, run_id, chunk_id, 1, 1, 3, due_at from koyomi.slice");
      execute("update koyomi.rate set bucket = extract(epoch from koyomi.now()) / 360");
    }

    Golden.assertScreen("why-limited", type().all());
  }

  @Test
  void waitsForAnotherAttempt() throws Exception {
    Billing billing = Billing.with(database, 3, Billing.manifest("initial: 10ms", "initial: 5m"));
    execute("update subscription set fee = null where id = 2");
    billing.fire();
    once(billing);
    billing.join();

    Golden.assertScreen("why-retrying", type().all());

    execute("update public.test_clock set at = at + interval '10 minutes'");
    Golden.assertScreen("why-retry-due", type().all());
  }

  @Test
  void stoppedLane() throws Exception {
    Billing billing =
        Billing.with(
            database,
            3,
            Billing.manifest(
                "job: {retry: {maxAttempts: 2",
                "job: {order: {mode: Fifo, onDead: StopLane}, retry: {maxAttempts: 1"));
    execute("update subscription set fee = null where id = 1");
    billing.fire();
    once(billing);
    billing.join();

    Golden.assertScreen("why-stopped-lane", type().all());
  }

  @Test
  void selecting() throws Exception {
    Billing billing = Billing.with(database, 3);
    long trigger =
        new Workers(database.jdbi())
            .join("invoices-29366820", Workers.Kind.Trigger, billing.batchId());
    execute(
        "insert into koyomi.run (batch_id, occurrence, logical_date, revision, state, exclusive,"
            + " selector_token, selector_id, select_timeout, selecting_since, created_at) values ("
            + billing.batchId()
            + ", koyomi.now(), '2026-11-02', 'r', 'Selecting', true, 7, "
            + trigger
            + ", '1m', koyomi.now(), koyomi.now())");

    Golden.assertScreen("why-selecting", type().all());
    new Workers(database.jdbi()).leave(trigger);
    assertThat(why())
        .contains(
            "The targets of run 1 of billing/invoices were being selected since 2026-11-02"
                + " 12:00:00, but that process is gone: another one takes over, or the selection is"
                + " given up; `koyomi redispatch invoices --run 1` selects now.");
  }

  private static void once(Billing billing) throws Exception {
    try (WorkerProcess worker = billing.worker(EndRule.Once).start()) {
      worker.awaitEnd();
    }
  }

  private static void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.execute(sql));
  }

  private static Typed type() {
    return Typed.on(database.address()).type("why", "invoices");
  }

  private static String why() {
    return type().out();
  }
}
