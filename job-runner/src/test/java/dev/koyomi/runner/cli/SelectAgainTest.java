package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.Opening;
import dev.koyomi.runner.queue.Reselection;
import dev.koyomi.runner.queue.Runs;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.trigger.Fired;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The verbs refresh and redispatch. */
class SelectAgainTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private Billing billing = Billing.with(database, 0);

  @BeforeEach
  void fire() throws Exception {
    billing = Billing.with(database, 5);
    execute("update subscription set fee = null where id = 2");
    billing.fire();
  }

  /** Two is dead, five was cancelled, six is new. */
  @Test
  void redispatchTakesWhatTheRunLacks() throws Exception {
    type("cancel", "invoices", "--key", "5", "--yes");
    billing.drain();
    execute("insert into subscription (id, fee) values (6, 6)");
    execute("update subscription set fee = 2 where id = 2");

    Golden.assertScreen(
        "redispatch",
        Typed.on(database.address()).answering("y").type("redispatch", "invoices").all());

    billing.drain();
    assertThat(
            billing.text(
                "select string_agg(subscription_id::text, ' ' order by subscription_id) from"
                    + " invoice"))
        .isEqualTo("1 2 3 4 5 6");
    // What was selected again must not be retried beside it.
    assertThat(type("failed", "retry", "invoices").out()).isEqualTo("No job needs attention.\n");
    assertThat(billing.run()).isEqualTo("Succeeded 8/6/0/0");
  }

  @Test
  void redispatchAddsNothingToARunThatHasAll() throws Exception {
    assertThat(type("redispatch", "invoices").out())
        .isEqualTo(
            "Run 1 (2026-11-01) of billing/invoices would select nothing: 5 are left out, done or"
                + " still in the queue.\n");
    assertThat(type("redispatch", "invoices", "--yes").out())
        .isEqualTo(
            "Run 1 for 2026-11-01: 0 jobs selected, 5 left out that are done or still in the queue,"
                + " Running.\n");

    execute("update subscription set fee = 2 where id = 2");
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 5/5/0/0");
    assertThat(type("redispatch", "invoices", "--yes").out())
        .isEqualTo(
            "Run 1 for 2026-11-01: 0 jobs selected, 5 left out that are done or still in the queue,"
                + " Succeeded.\n");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(5);
  }

  @Test
  void refreshTakesTheDataOfNow() throws Exception {
    execute("insert into subscription (id, fee) values (6, 6)");
    execute("update subscription set active = false where id = 2");

    Golden.assertScreen(
        "refresh-dry-run", type("refresh", "invoices", "--run", "1", "--dry-run").all());
    assertThat(billing.run()).isEqualTo("Running 5/0/0/0");
    Golden.assertScreen(
        "refresh", Typed.on(database.address()).answering("y").type("refresh", "invoices").all());

    billing.drain();
    assertThat(
            billing.text(
                "select string_agg(subscription_id::text, ' ' order by subscription_id) from"
                    + " invoice"))
        .isEqualTo("1 3 4 5 6");
    assertThat(billing.run()).isEqualTo("Succeeded 10/5/0/0");
  }

  @Test
  void refreshLeavesOutWhatWasDone() throws Exception {
    billing.drain();
    execute("update subscription set fee = 2 where id = 2");

    assertThat(type("refresh", "invoices", "--yes").out())
        .isEqualTo(
            "Run 1 for 2026-11-01: 1 job selected, 4 left out that are done or still in the queue,"
                + " Running.\n");
    billing.drain();
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(5);
  }

  /** Its successor must neither do a target twice nor forget what was done. */
  @Test
  void aSelectionThatDiedIsTakenOverWithWhatTheRunLacks() throws Exception {
    execute("update subscription set fee = 2 where id = 2");
    billing.drain();
    execute("insert into subscription (id, fee) values (6, 6)");
    Workers workers = new Workers(database.jdbi());
    long died = workers.join("died", Workers.Kind.Trigger, billing.batchId());
    assertThat(
            new Runs(database.jdbi(), new SecureRandom())
                .again(1, Reselection.Rest, "r", Duration.ofMinutes(1), died))
        .isInstanceOf(Opening.Select.class);
    workers.leave(died);

    billing.trigger().fire(new Fired.SlotByPerson(Billing.SLOT));

    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 6/6/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(6);
  }

  @Test
  void aQueryThatIsWrongLeavesTheRunAsItWas() throws Exception {
    execute("alter table subscription rename column active to activ");

    Typed typed = type("redispatch", "invoices", "--yes");

    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err()).contains("column \"active\" does not exist");
    assertThat(billing.run()).isEqualTo("Running 5/0/0/0");
  }

  /** They are cancelled when the run is opened, before the query is run. */
  @Test
  void aRefreshThatFailsSaysWhatItCancelled() throws Exception {
    execute("alter table subscription rename column active to activ");

    Typed typed = type("refresh", "invoices", "--yes");

    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    String cancelled =
        ". 5 waiting jobs were cancelled before it; `koyomi redispatch invoices` selects them.";
    assertThat(typed.err()).contains("column \"active\" does not exist").contains(cancelled);
    assertThat(billing.run()).isEqualTo("Succeeded 5/0/0/0");
    assertThat(billing.text("select message from koyomi.run"))
        .contains("column \"active\" does not exist")
        .endsWith(cancelled);

    execute("alter table subscription rename column activ to active");
    assertThat(type("redispatch", "invoices", "--yes").out())
        .isEqualTo("Run 1 for 2026-11-01: 5 jobs selected, Running.\n");
  }

  @Test
  void aRunKeepsItsJobsWhenTheNextSelectionBreaks() throws Exception {
    execute("alter table subscription rename to renamed");
    execute("create view subscription as select id, fee, 1 / (id - id) > 0 as active from renamed");

    Typed typed = type("redispatch", "invoices", "--yes");

    assertThat(typed.exitCode()).isEqualTo(ExitCode.OTHER);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: The selection for run 1 broke: spec.trigger.sql: division by zero. The run"
                + " goes on without it.\n");
    assertThat(billing.run()).isEqualTo("Running 5/0/0/0");
    execute("drop view subscription");
    execute("alter table renamed rename to subscription");
  }

  /** The next `run` without a date would be another run. */
  @Test
  void takesUpARunWhoseSelectionBrokeAsTheSentenceSays() throws Exception {
    billing.drain();
    execute("update subscription set fee = 2 where id = 2");
    execute("alter table subscription rename to renamed");
    execute("create view subscription as select id, fee, 1 / (id - id) > 0 as active from renamed");

    assertThat(type("run", "invoices").err())
        .isEqualTo(
            "koyomi: The selection for run 2 broke: spec.trigger.sql: division by zero. The run"
                + " waits for another one: when that is mended, `koyomi redispatch invoices --run"
                + " 2`; or `koyomi cancel invoices --run 2`.\n");
    assertThat(type("redispatch", "invoices", "--run", "2", "--yes").err())
        .endsWith("division by zero. The run is over: Failed.\n");
    assertThat(type("run", "invoices").err()).contains("for run 3 broke");
    execute("drop view subscription");
    execute("alter table renamed rename to subscription");

    assertThat(type("redispatch", "invoices", "--run", "3", "--dry-run").out())
        .startsWith("Run 3 (2026-11-02) of billing/invoices would select 5 targets");
    assertThat(type("redispatch", "invoices", "--run", "3", "--yes").out())
        .isEqualTo("Run 3 for 2026-11-02: 5 jobs selected, Running.\n");
    billing.drain();
    assertThat(billing.text("select state from koyomi.run where id = 3")).isEqualTo("Succeeded");
  }

  /** What waits of a run whose selector died is cancelled, too; what that wrote is abandoned. */
  @Test
  void refreshTakesASelectionOverThatDied() throws Exception {
    Workers workers = new Workers(database.jdbi());
    long died = workers.join("died", Workers.Kind.Trigger, billing.batchId());
    new Runs(database.jdbi(), new SecureRandom())
        .again(1, Reselection.Rest, "r", Duration.ofMinutes(1), died);
    execute(
        "insert into koyomi.chunk (run_id, selector_token, size, keys, jobs) select id,"
            + " selector_token, 1, '{2}', '[{}]' from koyomi.run");
    assertThat(type("refresh", "invoices", "--dry-run").err())
        .isEqualTo("koyomi: run 1 is being selected at this moment.\n");
    workers.leave(died);
    execute("update subscription set fee = 2 where id = 2");

    assertThat(type("refresh", "invoices", "--yes").out())
        .isEqualTo("Run 1 for 2026-11-01: 5 jobs selected, Running.\n");

    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 10/5/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(5);
  }

  @Test
  void saysThatItsRunWasCancelledMeanwhile() throws Exception {
    try (Rival rival = new Rival(database.dataSource())) {
      rival.inOpenTransaction(
          connection ->
              connection
                  .createStatement()
                  .execute("lock table subscription in access exclusive mode"));
      var typed = new CompletableFuture<Typed>();
      Thread.ofVirtual().start(() -> typed.complete(type("redispatch", "invoices", "--yes")));
      rival.awaitWaiter();
      execute("select koyomi.cancel_run(1, 'by hand')");
      rival.commit();

      assertThat(Rival.outcome(typed).err())
          .isEqualTo(
              "koyomi: The selection for run 1 broke: it was cancelled meanwhile. The run is over:"
                  + " Cancelled.\n");
      assertThat(Rival.outcome(typed).exitCode()).isEqualTo(ExitCode.OTHER);
    }
  }

  @Test
  void aRunThatWasCancelledStaysSoWhenTheNextSelectionBreaks() throws Exception {
    type("cancel", "invoices", "--run", "1", "--why", "wrong month", "--yes");
    execute("alter table subscription rename to renamed");
    execute("create view subscription as select id, fee, 1 / (id - id) > 0 as active from renamed");

    assertThat(type("redispatch", "invoices", "--yes").err())
        .isEqualTo(
            "koyomi: The selection for run 1 broke: spec.trigger.sql: division by zero. The run is"
                + " over: Cancelled.\n");
    assertThat(billing.run()).isEqualTo("Cancelled 5/0/0/0");
    execute("drop view subscription");
    assertThat(type("redispatch", "invoices", "--yes").err())
        .isEqualTo(
            "koyomi: The selection for run 1 failed: spec.trigger.sql: relation \"subscription\""
                + " does not exist.\n");
    assertThat(type("runs", "invoices").out())
        .as("one full stop at most")
        .contains("relation \"subscription\" does not exist, 5 cancelled");
    assertThat(type("why", "invoices").out())
        .contains("selected again: spec.trigger.sql: relation \"subscription\" does not exist.\n");
    execute("alter table renamed rename to subscription");
  }

  @Test
  void saysThatAnotherRunIsInTheWay() throws Exception {
    billing.drain();
    billing.trigger().fire(new Fired.SlotByPerson(Instant.parse("2026-11-01T16:00:00Z")));

    for (String[] words :
        new String[][] {
          {"redispatch", "invoices", "--run", "1", "--dry-run"},
          {"refresh", "invoices", "--run", "1", "--yes"}
        }) {
      Typed typed = type(words);
      assertThat(typed.err())
          .isEqualTo(
              "koyomi: another run of this batch is open: select for run 1 again when it is"
                  + " over.\n");
      assertThat(typed.exitCode()).isEqualTo(ExitCode.OTHER);
    }
  }

  @Test
  void saysThatThereIsNoRunYet() {
    Billing.with(database, 1);

    Typed typed = type("redispatch", "invoices");
    assertThat(typed.err())
        .isEqualTo("koyomi: billing/invoices has no run yet: `koyomi run invoices` makes one.\n");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
  }

  private static void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.execute(sql));
  }

  private static Typed type(String... words) {
    return Typed.on(database.address()).type(words);
  }
}
