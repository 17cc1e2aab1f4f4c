package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class FailedDiscardVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  private static final String[] DISCARD = {"failed", "discard", "invoices", "--reason", "left us"};

  private Billing billing = Billing.with(database, 0);

  @BeforeEach
  void twoOfFiveFail() throws Exception {
    billing = Billing.with(database, 5);
    database
        .jdbi()
        .useHandle(
            handle -> handle.execute("update subscription set fee = null where id in (2, 4)"));
    billing.fire();
    billing.drain();
  }

  @Test
  void asksAndThenDiscards() {
    Golden.assertScreen("failed-discard", here().answering("y").type(DISCARD).all());

    assertThat(discarded()).isEqualTo("2 ann left us, 4 ann left us");
    assertThat(type("failed", "list").out()).isEqualTo("No job needs attention.\n");
    assertThat(type("failed", "retry", "invoices").out()).isEqualTo("No job needs attention.\n");
  }

  @Test
  void takesThoseOfAClassOfErrors() {
    for (String error : new String[] {"23", "23502"}) {
      assertThat(
              type("failed", "discard", "--error", error, "--reason", "x", "--all", "--dry-run")
                  .out())
          .contains("2 jobs would be set aside");
      assertThat(type("failed", "list", "--error", error).out()).contains("invoices");
      assertThat(type("failed", "retry", "--error", error, "--all", "--dry-run").out())
          .contains("2 jobs would");
    }
    for (String other : new String[] {"22", "2", "235", "23503"}) {
      assertThat(type("failed", "list", "--error", other).out()).doesNotContain("invoices");
    }
  }

  @Test
  void theRunSaysHowMany() {
    type("failed", "discard", "--run", "1", "--key", "4", "--reason", "left us", "--yes");
    assertThat(type("runs").out()).contains("1 job needs attention", " 1 discarded");

    type("failed", "discard", "invoices", "--reason", "left us", "--yes");
    assertThat(type("runs").out()).contains(" 2 discarded").doesNotContain("attention,");
    assertThat(type("runs", "-o", "json").out())
        .containsPattern("\"dead\" ?: ?0")
        .containsPattern("\"discarded\" ?: ?2");
  }

  @Test
  void changesNothingWithoutConsent() {
    Golden.assertScreen("failed-discard-no", here().answering("").type(DISCARD).all());
    Golden.assertScreen("failed-discard-nobody", type(DISCARD).all());
    assertThat(type("failed", "discard", "--all", "--reason", "x", "--dry-run").out())
        .endsWith(
            "2 jobs would be set aside for good and never run again.\nNothing was changed.\n");

    assertThat(discarded()).isNull();
  }

  @Test
  void takesOneByItsKey() {
    assertThat(
            type("failed", "discard", "--run", "1", "--key", "4", "--reason", "x", "--yes").out())
        .isEqualTo("1 job of run 1 (2026-11-01) was discarded.\n");

    assertThat(discarded()).isEqualTo("4 ann x");
  }

  @Test
  void wantsAReason() {
    Typed without = type("failed", "discard", "invoices");
    assertThat(without.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(without.err()).contains("Missing required option: '--reason=REASON'");

    Typed empty = type("failed", "discard", "invoices", "--reason", " ");
    assertThat(empty.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(empty.err()).isEqualTo("koyomi: --reason is empty: say why, in a few words.\n");
  }

  private String discarded() {
    return billing.text(
        "select string_agg(key || ' ' || discarded_by || ' ' || discard_reason, ', ' order by key)"
            + " from koyomi.dead where discarded_at is not null");
  }

  private static Typed.Place here() {
    return Typed.on(database.address()).with("USER", "ann");
  }

  private static Typed type(String... words) {
    return here().type(words);
  }
}
