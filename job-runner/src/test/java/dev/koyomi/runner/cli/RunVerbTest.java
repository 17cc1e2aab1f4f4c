package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class RunVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private Billing billing = Billing.with(database, 0);

  @BeforeEach
  void fiveSubscriptions() {
    billing = Billing.with(database, 5);
  }

  @Test
  void firesTheSlotOfADayOnce() throws Exception {
    assertThat(type("run", "invoices", "--date", "2026-11-01").all())
        .isEqualTo("Run 1 for 2026-11-01: 5 jobs selected, Running.\n--- exit code 0\n");
    assertThat(billing.text("select entry from koyomi.run")).isEqualTo("nightly");
    billing.drain();

    assertThat(type("run", "invoices", "--date", "2026-11-01").all())
        .isEqualTo(
            """
            This occurrence was fired before, as run 1: Succeeded. Nothing was changed; \
            --again has it select once more.
            --- exit code 0
            """);
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(5);
  }

  @Test
  void firesNowWithoutADate() throws Exception {
    assertThat(type("run", "invoices").out())
        .isEqualTo("Run 1 for 2026-11-02: 5 jobs selected, Running.\n");
    Typed overlapping = type("run", "invoices");
    assertThat(overlapping.out()).contains("was skipped: run 1 of this batch is not over yet.");
    assertThat(overlapping.exitCode()).isEqualTo(ExitCode.SKIPPED);
    billing.drain();

    assertThat(type("run", "invoices").exitCode()).isZero();
  }

  @Test
  void aDryRunWritesNothing() {
    Golden.assertScreen("run-dry-run", type("run", "invoices", "--dry-run").all());
    execute("delete from subscription where id > 2");
    Golden.assertScreen(
        "run-dry-run-few", type("run", "invoices", "--date", "2026-11-01", "--dry-run").all());
    execute("delete from subscription");
    assertThat(type("run", "invoices", "--dry-run").out())
        .isEqualTo("A run for 2026-11-02 would select 0 targets.\nNothing was changed.\n");

    assertThat(billing.count("select count(*) from koyomi.run")).isZero();
    assertThat(billing.count("select count(*) from koyomi.chunk")).isZero();
    execute("insert into subscription (id, fee) values (1, 1)");
    assertThat(type("run", "invoices").out()).startsWith("Run 1 for");
  }

  @Test
  void aDryRunIsInNobodysWay() throws Exception {
    billing.fire();

    assertThat(type("run", "invoices", "--dry-run").out()).contains("would select 5 targets");
  }

  @Test
  void selectsOnceMoreWhenAskedTo() throws Exception {
    billing.fire();
    billing.drain();

    Golden.assertScreen(
        "run-again",
        Typed.on(database.address())
            .answering("y")
            .type("run", "invoices", "--date", "2026-11-01", "--again")
            .all());
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 10/10/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(10);
  }

  @Test
  void asksNotWhenNothingWouldBeDoneTwice() throws Exception {
    billing.fire();
    type("cancel", "invoices", "--run", "1", "--yes");

    assertThat(type("run", "invoices", "--date", "2026-11-01", "--again").out())
        .isEqualTo(
            """
            Run 1 (2026-11-01) of billing/invoices would select 5 targets: 1, 2, 3, 4, 5.
            Run 1 for 2026-11-01: 5 jobs selected, Running.
            """);
    billing.drain();
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(5);
  }

  @Test
  void saysWhatStandsInTheWay() throws Exception {
    billing.fire();
    Typed open = type("run", "invoices", "--date", "2026-11-01", "--again");
    assertThat(open.exitCode()).isEqualTo(ExitCode.OTHER);
    assertThat(open.err())
        .isEqualTo(
            "koyomi: Run 1 (2026-11-01) is not over yet: `koyomi redispatch invoices --run 1` adds"
                + " what it has not.\n");

    Typed undated = type("run", "invoices", "--again");
    assertThat(undated.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(undated.err())
        .isEqualTo("koyomi: --again needs --date: it says whose run selects once more.\n");

    execute("alter table subscription rename column active to activ");
    Typed wrong = type("run", "invoices", "--dry-run");
    assertThat(wrong.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(wrong.err())
        .startsWith("koyomi: spec.trigger.sql: column \"active\" does not exist");
  }

  private static void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.execute(sql));
  }

  private static Typed type(String... words) {
    return Typed.on(database.address()).type(words);
  }
}
