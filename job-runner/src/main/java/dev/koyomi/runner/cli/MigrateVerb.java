package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.dev.LocalPostgres;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "migrate",
    description = "Brings the queue's schema (koyomi) in the database up to date.",
    footer = {
      "",
      "The only verb that changes the schema. Several at once do it once. Workers, also those of"
          + " the release before, go on meanwhile; behind a long transaction it waits without"
          + " stopping them, ten minutes at most. Needs the right to create a schema in the"
          + " database."
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
      surroundings.screen().line(done(migration(surroundings.screen(), database).run()));
      return ExitCode.DONE;
    }
  }

  /** Says whom it waits for, each time that it is somebody else. */
  static Migration migration(Screen screen, Database database) {
    AtomicReference<String> said = new AtomicReference<>("");
    return new Migration(
        database,
        (sentence, pause) -> {
          if (!sentence.equals(said.getAndSet(sentence))) {
            screen.err().println("koyomi: " + sentence);
          }
          Thread.sleep(pause);
        });
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
      case Migration.Outcome.InUse(String sentence) ->
          throw new CommandProblem(ExitCode.TRY_AGAIN, sentence);
    };
  }
}
