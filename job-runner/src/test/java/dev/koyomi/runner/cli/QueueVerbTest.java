package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class QueueVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @Test
  void pausesAndResumes() throws Exception {
    Billing billing = Billing.with(database, 5);
    billing.fire();

    assertThat(type("queue", "pause", "invoices", "--why", "month-end").out())
        .isEqualTo(
            "billing/invoices is paused: no more of its jobs begin, 5 wait and 0 are in hand.\n");
    execute("update koyomi.batch set paused_at = '2026-11-01 01:00:05+09'");
    assertThat(type("queue", "pause", "invoices").out())
        .isEqualTo(
            "billing/invoices was paused before, by ann since 2026-11-01 01:00:05: month-end."
                + " Nothing was changed.\n");
    Golden.assertScreen("queue-show-paused", type("queue", "show", "invoices").all());
    Golden.assertScreen(
        "queue-show-json", type("queue", "show", "invoices", "--output", "json").all());

    workOnce(billing);
    assertThat(billing.count("select count(*) from invoice")).isZero();
    assertThat(type("queue", "resume", "invoices", "--dry-run").out())
        .isEqualTo("billing/invoices would go on.\n");
    assertThat(type("queue", "resume", "invoices").out()).isEqualTo("billing/invoices goes on.\n");
    assertThat(type("queue", "resume", "invoices").out())
        .isEqualTo("billing/invoices is not paused.\n");
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 5/5/0/0");
  }

  @Test
  void letsALaneGoOnWithoutTheJobThatStoppedIt() throws Exception {
    Billing billing = stoppedLane();
    stopTime();

    Golden.assertScreen("queue-show-stopped", type("queue", "show", "invoices").all());
    assertThat(type("queue", "resume", "invoices").out())
        .isEqualTo(
            """
            billing/invoices is not paused.
            1 of its lanes is stopped by a job that needs attention: `koyomi queue show invoices` lists them.
            """);
    assertThat(type("queue", "resume", "invoices", "--key", "3").out())
        .isEqualTo("No lane of billing/invoices is stopped by that job.\n");
    assertThat(type("queue", "resume", "invoices", "--key", "2", "--dry-run").out())
        .isEqualTo(
            """
            1 lane of billing/invoices would go on, with 1 job behind, without the job that stopped it.
            Nothing was changed.
            """);
    assertThat(type("queue", "resume", "invoices", "--key", "2").exitCode())
        .as("nobody is asked")
        .isEqualTo(ExitCode.WRONG);
    assertThat(type("queue", "resume", "invoices", "--key", "2", "--yes").out())
        .isEqualTo(
            "1 lane of billing/invoices goes on without the job that stopped it, which still needs"
                + " attention.\n");
    billing.drain();
    assertThat(billing.run()).isEqualTo("PartiallyFailed 3/2/0/1");
  }

  @Test
  void letsAllStoppedLanesGoOn() throws Exception {
    stoppedLane();

    assertThat(type("queue", "resume", "invoices", "--lanes", "--key", "3").err())
        .isEqualTo("koyomi: --key and --lanes exclude each other: leave one of them out.\n");
    assertThat(type("queue", "resume", "invoices", "--lanes", "--yes").out())
        .isEqualTo(
            "1 lane of billing/invoices goes on without the job that stopped it, which still needs"
                + " attention.\n");
    assertThat(type("queue", "resume", "invoices", "--lanes").out())
        .isEqualTo("No lane of billing/invoices is stopped by a job.\n");
  }

  @Test
  void showsALaneThatWaitsForARetry() throws Exception {
    Billing billing =
        Billing.with(
            database,
            3,
            Billing.manifest("job: {retry:", "job: {order: {mode: Fifo}, retry:")
                .replace("initial: 10ms", "initial: 1h, max: 1h"));
    execute("update subscription set fee = null where id = 2");
    billing.fire();
    while (billing.count("select count(*) from koyomi.held_lanes where retry_at is not null")
        == 0) {
      workOnce(billing);
    }
    execute("update koyomi.lane set due_at = '2026-11-01 01:00:05+09'");
    execute("update koyomi.failure set message = 'the fee is missing'");

    Golden.assertScreen("queue-show-retrying", type("queue", "show", "invoices").all());
    assertThat(type("queue", "show", "invoices", "-o", "json").out())
        .contains("\"retryingLanes\"", "2026-10-31T16:00:05Z");
  }

  @Test
  void clearsWhatWaits() throws Exception {
    Billing billing = Billing.with(database, 5);
    billing.fire();
    type(
        "enqueue",
        "invoices",
        "--key",
        "x",
        "--payload",
        "{\"subscriptionId\": 1, \"billingDate\": \"2026-11-01\"}");

    Golden.assertScreen(
        "queue-clear", here().answering("yes").type("queue", "clear", "invoices").all());
    assertThat(
            billing.text(
                "select string_agg(format('%s %s/%s', state, selected, cancelled), ', ' order by"
                    + " id) from koyomi.runs"))
        .as("the enqueued job is in the run of its day")
        .isEqualTo("Succeeded 5/5, Running 1/1");
    assertThat(billing.count("select count(*) from koyomi.inbox")).isZero();
    assertThat(type("queue", "clear", "invoices").out())
        .isEqualTo("Nothing of billing/invoices waits.\n");
  }

  @Test
  void clearsOneRunAndRefusesThatOfAnotherBatch() throws Exception {
    Billing billing = Billing.with(database, 5);
    billing.fire();

    assertThat(type("queue", "clear", "invoices", "--run", "1", "--dry-run").out())
        .isEqualTo(
            """
            5 waiting jobs of run 1 of billing/invoices would be cancelled; what a worker has in hand goes on.
            Nothing was changed.
            """);
    assertThat(billing.run()).isEqualTo("Running 5/0/0/0");
    assertThat(type("queue", "clear", "invoices", "--run", "1", "--yes").out())
        .isEqualTo("5 waiting jobs of run 1 of billing/invoices were cancelled.\n");
    Typed typed = type("queue", "clear", "invoices", "--run", "7", "--yes");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: billing/invoices has no run 7: `koyomi runs invoices` lists what it has.\n");
  }

  /** Its second of three jobs needs attention. */
  private static Billing stoppedLane() throws Exception {
    Billing billing =
        Billing.with(
            database,
            3,
            Billing.manifest(
                "job: {retry:", "job: {order: {mode: Fifo, onDead: StopLane}, retry:"));
    execute("update subscription set fee = null where id = 2");
    billing.fire();
    while (billing.count("select count(*) from koyomi.held_lanes where retry_at is null") == 0) {
      workOnce(billing);
    }
    return billing;
  }

  private static void stopTime() {
    execute("update koyomi.lane set stopped_at = '2026-11-01 01:00:05+09'");
    execute(
        "update koyomi.dead set message = regexp_replace(message, 'contains \\(\\d+', 'contains"
            + " (N')");
  }

  private static void workOnce(Billing billing) throws Exception {
    try (WorkerProcess worker = billing.worker(EndRule.Once).start()) {
      worker.awaitEnd();
    }
  }

  private static void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.execute(sql));
  }

  private static Typed.Place here() {
    return Typed.on(database.address()).with("USER", "ann");
  }

  private static Typed type(String... words) {
    return here().type(words);
  }
}
