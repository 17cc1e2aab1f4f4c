package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.testing.TestDatabase;
import java.util.List;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Every verb on a database that still has the schema of release 0.1.0. */
final class SchemaBehindTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String DEFINITION = "../examples/billing/issue-invoices.yaml";

  @BeforeAll
  static void makeTheSchemaOfTheFirstRelease() {
    DATABASE.jdbi().useHandle(handle -> handle.execute("drop schema koyomi cascade"));
    Flyway.configure()
        .dataSource(DATABASE.dataSource())
        .defaultSchema("koyomi")
        .table("schema_history")
        .target("1")
        .load()
        .migrate();
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "select koyomi.register('billing/issue-invoices', 'file', 0, false, '{}')"));
  }

  @Test
  void asksForTheMigrationInOneSentence() throws Exception {
    List<String> commands =
        List.of(
            "trigger --date 2026-11-01 --definition " + DEFINITION,
            "work --once --definition " + DEFINITION,
            "work --drain --definition " + DEFINITION,
            "runs",
            "runs issue-invoices --output json",
            "jobs issue-invoices",
            "why issue-invoices",
            "run issue-invoices",
            "run issue-invoices --dry-run",
            "redispatch issue-invoices",
            "refresh issue-invoices",
            "failed list issue-invoices",
            "failed show issue-invoices",
            "failed retry issue-invoices",
            "failed discard issue-invoices --reason x --yes",
            "queue show issue-invoices",
            "queue pause issue-invoices",
            "queue resume issue-invoices",
            "queue clear issue-invoices --yes",
            "cancel issue-invoices --run 1 --yes",
            "enqueue issue-invoices --key 1");

    for (String command : commands) {
      assertThat(Typed.on(DATABASE.address()).type(command.split(" ")).all())
          .as(command)
          .isEqualTo(
              """
              --- standard error
              koyomi: The queue's schema has version 1, this release needs 2: run `koyomi migrate`.
              --- exit code 75
              """);
    }
    assertThat(new Migration(DATABASE.database()).run())
        .isEqualTo(new Migration.Outcome.Migrated(1, 2)); // none of them did it by itself
  }
}
