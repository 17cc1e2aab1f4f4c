package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.history.JobRow;
import dev.koyomi.runner.history.Jobs;
import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class JobsVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private static final String PAYLOAD = "{\"subscriptionId\": 1, \"billingDate\": \"2026-11-01\"}";

  /** One job in each state. */
  private static Billing oneOfEach() throws Exception {
    Billing billing =
        Billing.with(
            database,
            6,
            Billing.manifest("initial: 10ms", "initial: 1h")
                .replace("FROM subscription WHERE id", "FROM subscription WHERE active AND id"));
    execute("update subscription set fee = null where id in (2, 3, 4)");
    billing.fire();
    type("cancel", "invoices", "--key", "6", "--yes");
    execute("update subscription set active = false where id = 5");
    once(billing);
    // Two and three have their last attempt now; three is given up by a person then.
    execute(
        "insert into koyomi.slice (batch_id, run_id, chunk_id, attempt, prior, ordinals, stop,"
            + " due_at) select batch_id, run_id, chunk_id, attempt, prior, '{3}', 1, due_at from"
            + " koyomi.slice");
    execute("update koyomi.slice set ordinals = '{1, 2}', stop = 2, due_at = now() where stop = 3");
    once(billing);
    type("failed", "discard", "invoices", "--key", "3", "--reason", "x", "--yes");
    type("enqueue", "invoices", "--key", "x", "--payload", PAYLOAD);
    return billing;
  }

  private static void once(Billing billing) throws Exception {
    try (WorkerProcess worker = billing.worker(EndRule.Once).start()) {
      worker.awaitEnd();
    }
  }

  @Test
  void listsJobsInEachState() throws Exception {
    oneOfEach();
    stopTime();

    Golden.assertScreen("jobs", type("jobs", "invoices").all());
    Golden.assertScreen("jobs-limit", type("jobs", "invoices", "--run", "1", "--limit", "2").all());
    Golden.assertScreen(
        "jobs-json", type("jobs", "invoices", "--state", "failed", "-o", "json").all());
  }

  @Test
  void filtersByStateAndKey() throws Exception {
    Billing billing = oneOfEach();

    for (JobRow.State state : JobRow.State.values()) {
      String keys =
          switch (state) {
            case Waiting -> "x";
            case Running -> "";
            case Retrying -> "4";
            case Done -> "1";
            case Skipped -> "5";
            case Failed -> "2";
            case Cancelled -> "6";
            case Discarded -> "3";
          };
      assertThat(keys(billing, Optional.of(state), Optional.empty()))
          .as("%s", state)
          .isEqualTo(keys);
    }
    assertThat(keys(billing, Optional.empty(), Optional.of("5"))).isEqualTo("5");
    assertThat(keys(billing, Optional.of(JobRow.State.Done), Optional.of("5"))).isEmpty();
    assertThat(type("jobs", "invoices", "--key", "99").out())
        .isEqualTo("billing/invoices has no such job.\n");
    assertThat(type("jobs", "invoices", "--state", "lost").exitCode()).isEqualTo(ExitCode.WRONG);
  }

  @Test
  void showsWhatAWorkerHasInHand() throws Exception {
    Billing billing = Billing.with(database, 3);
    billing.fire();
    try (Connection connection = database.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();
      billing.work(connection, slice, 0);

      assertThat(keys(billing, Optional.of(JobRow.State.Running), Optional.empty()))
          .isEqualTo("2 3");
      assertThat(keys(billing, Optional.of(JobRow.State.Done), Optional.empty())).isEqualTo("1");
    }
  }

  @Test
  void showsNoJobsOfASelectionThatIsNotDispatched() throws Exception {
    Billing billing = Billing.with(database, 3);
    billing.fire();
    execute("delete from koyomi.slice");
    execute(
        "update koyomi.run set state = 'Selecting', selector_token = (select selector_token from"
            + " koyomi.chunk)");

    assertThat(type("jobs", "invoices").out()).isEqualTo("billing/invoices has no jobs.\n");
  }

  @Test
  void goesThroughManyChunksOfSeveralRuns() throws Exception {
    Billing billing = Billing.with(database, 12_000);
    billing.fire();
    type("cancel", "invoices", "--run", "1", "--yes");
    execute("delete from subscription where id > 700");
    assertThat(type("run", "invoices").exitCode()).isZero();

    List<JobRow> all = jobs(billing, Optional.empty(), Optional.empty(), 100_000);
    assertThat(all).hasSize(12_700);
    assertThat(all.getFirst().run()).isEqualTo(2);
    assertThat(all.get(700))
        .isEqualTo(
            jobs(billing, Optional.of(JobRow.State.Cancelled), Optional.empty(), 1).getFirst());
    assertThat(all.getLast().key()).isEqualTo("12000");
    assertThat(keys(billing, Optional.empty(), Optional.of("11999"))).isEqualTo("11999");
    assertThat(keys(billing, Optional.empty(), Optional.of("7"))).isEqualTo("7 7");
  }

  private static void stopTime() {
    execute("update koyomi.inbox set due_at = '2026-11-01 01:00:09+09'");
    execute("update koyomi.work set ended_at = '2026-11-01 01:00:05+09'");
    execute("update koyomi.failure set retry_at = '2026-11-01 02:00:06+09' where not cut");
    execute("update koyomi.slice set due_at = '2026-11-01 02:00:06+09'");
    execute("update koyomi.dead set at = '2026-11-01 01:00:07+09'");
    execute(
        "update koyomi.dead set discarded_at = '2026-11-01 01:00:08+09' where discarded_at is not"
            + " null");
    execute(
        "update koyomi.failure set message = regexp_replace(message, 'contains \\(\\d+', 'contains"
            + " (N')");
  }

  private static String keys(Billing billing, Optional<JobRow.State> state, Optional<String> key) {
    return jobs(billing, state, key, 100).stream()
        .map(JobRow::key)
        .collect(Collectors.joining(" "));
  }

  private static List<JobRow> jobs(
      Billing billing, Optional<JobRow.State> state, Optional<String> key, int limit) {
    return new Jobs(database.jdbi())
        .list(new Jobs.Filter(billing.batchId(), Optional.empty(), state, key), limit);
  }

  private static void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.execute(sql));
  }

  private static Typed type(String... words) {
    return Typed.on(database.address()).with("USER", "ann").type(words);
  }
}
