package dev.koyomi.runner.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import org.jdbi.v3.core.JdbiException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Errors as a real server raises them. */
class FaultTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @ParameterizedTest
  @CsvSource({
    "42P01, Definition",
    "42703, Definition",
    "42601, Definition",
    "42501, TryAgain",
    "25006, TryAgain",
    "08006, TryAgain",
    "28P01, TryAgain",
    "3D000, TryAgain",
    "53300, TryAgain",
    "57P01, TryAgain",
    "57P03, TryAgain",
    "40001, TryAgain",
    "40P01, TryAgain",
    "55P03, TryAgain",
    "57014, Other",
    "23505, Other",
    "22012, Other"
  })
  void isSortedByWhoCanMendIt(String state, String kind) {
    assertThat(fault("do $$ begin raise 'so it is' using errcode = '%s'; end $$".formatted(state)))
        .hasToString(kind + "[sentence=" + sentence(state) + "]");
  }

  private static String sentence(String state) {
    return fault("do $$ begin raise 'so it is' using errcode = '%s'; end $$".formatted(state))
        .sentence();
  }

  @Test
  void namesTheColumnThatDoesNotExist() {
    assertThat(fault("select no_such_column from koyomi.run"))
        .isEqualTo(new Fault.Definition("column \"no_such_column\" does not exist."));
  }

  @Test
  void keepsTheDetailAndLeavesOutLineBreaks() {
    assertThat(
            fault(
                "do $$ begin raise E'one\\ntwo' using detail = 'three', errcode = 'P0001'; end $$"))
        .isEqualTo(new Fault.Other("one two (three)."));
  }

  @Test
  void takesAMissingQueueForASchemaThatIsBehind() {
    assertThat(fault("select * from koyomi_invoice")).isInstanceOf(Fault.Definition.class);
    assertThat(fault("select * from koyomi.no_such_table"))
        .isEqualTo(
            new Fault.TryAgain(
                "The database has no queue yet (schema koyomi): run `koyomi migrate`."));
  }

  /** The pool only knows that its patience ended; a person wants to know why. */
  @Test
  void tellsTheServersWordsAndNotThePools() {
    DatabaseAddress right = database.address();
    DatabaseAddress wrong = new DatabaseAddress(right.jdbcUrl(), right.username(), "guessed");
    try (Database pool =
        Database.pooled(wrong, "test", 1, Duration.ofSeconds(1), Duration.ofSeconds(1))) {
      assertThatThrownBy(() -> pool.dataSource().getConnection())
          .satisfies(
              thrown ->
                  assertThat(Fault.of(thrown))
                      .contains(
                          new Fault.TryAgain(
                              "The database refuses the user: password authentication failed for"
                                  + " user \"app\". Check user name and password.")));
    }
  }

  @Test
  void saysThatThePoolGaveNothingInTime() {
    assertThat(
            Fault.of(
                new SQLTransientConnectionException(
                    "pool - Connection is not available, request timed out after 704ms (total=0)")))
        .contains(
            new Fault.TryAgain("The database cannot be reached: it gave no connection in time."));
  }

  @Test
  void knowsNothingOfOtherExceptions() {
    assertThat(Fault.of(new IllegalStateException("no SQL here"))).isEmpty();
  }

  private static Fault fault(String sql) {
    try {
      database.jdbi().useHandle(handle -> handle.execute(sql));
      throw new AssertionError("no error");
    } catch (JdbiException thrown) {
      return Fault.of(thrown).orElseThrow();
    }
  }
}
