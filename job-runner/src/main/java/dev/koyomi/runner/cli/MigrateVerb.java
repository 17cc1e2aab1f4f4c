package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.dev.LocalPostgres;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "migrate",
    description = "Brings the queue's schema (koyomi) in the database up to date.",
    footer = {
      "",
      "The only verb that changes the schema. Several at once do it once. Needs the right to"
          + " create a schema in the database."
    })
final class MigrateVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Mixin private DatabaseOption option = new DatabaseOption();

  MigrateVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = Database.direct(opened.address(), "koyomi migrate")) {
      surroundings.screen().line(done(new Migration(database).run()));
      return ExitCode.DONE;
    }
  }

  static String done(Migration.Outcome outcome) {
    return switch (outcome) {
      case Migration.Outcome.UpToDate() -> "The queue's schema is up to date.";
      case Migration.Outcome.Migrated(int from, int to) ->
          from == 0
              ? "The queue's schema was made (version %d).".formatted(to)
              : "The queue's schema was brought from version %d to %d.".formatted(from, to);
      case Migration.Outcome.Refused(var state) ->
          throw new CommandProblem(ExitCode.OTHER, state.sentence());
    };
  }
}
