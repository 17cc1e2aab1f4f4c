package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Installation;
import dev.koyomi.runner.db.Limits;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.db.SchemaState;
import dev.koyomi.runner.dev.LocalPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "migrate",
    description = "Brings the queue's schema (koyomi) in the database up to date.",
    footer = {
      "",
      "The only verb that changes the schema. Several at once do it once. Workers, also those of"
          + " the release before, go on meanwhile; behind a long transaction it waits without"
          + " stopping them, ten minutes at most. Needs the right to create a schema in the"
          + " database. Where KOYOMI_INSTALLATION is set, the queue becomes that installation's,"
          + " and another's is left as it is."
    })
final class MigrateVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Option(
      names = "--adopt",
      paramLabel = "ID",
      description =
          "Make the queue that of this installation, whoever it belonged to. First see that nothing"
              + " of the other one runs any more.")
  private @Nullable String adopt;

  @Mixin private DatabaseOption option = new DatabaseOption();

  MigrateVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    if (adopt != null && !adopt.matches("\\S{1,200}")) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "--adopt '%s' is no installation: write its id, which the condition of the BatchSchedule names."
              .formatted(adopt));
    }
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = Database.direct(opened.address(), "koyomi migrate", Limits.MIGRATION)) {
      Installation installation = Installation.of(surroundings.environment());
      if (adopt == null) {
        refuseForeign(database, installation);
      }
      surroundings.screen().line(done(migration(surroundings.screen(), database).run()));
      belongsTo(database, installation);
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

  /** A person's laptop is no installation and may bring any queue up to date. */
  private static void refuseForeign(Database database, Installation installation)
      throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      if (installation.id().isPresent()
          && !SchemaState.read(connection).equals(new SchemaState.Behind(0))) {
        refuse(installation.refusal(connection));
      }
    }
  }

  private void belongsTo(Database database, Installation installation) throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      if (adopt == null) {
        refuse(installation.claim(connection));
        return;
      }
      Optional<String> before = new Installation(Optional.of(adopt)).adopt(connection);
      surroundings
          .screen()
          .line(
              before.equals(Optional.of(adopt))
                  ? "It belonged to the installation %s before.".formatted(adopt)
                  : "It belongs to the installation %s now, before to %s."
                      .formatted(adopt, before.orElse("none")));
    }
  }

  private static void refuse(Optional<String> sentence) {
    sentence.ifPresent(
        because -> {
          throw new CommandProblem(ExitCode.TRY_AGAIN, because);
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
          throw new CommandProblem(ExitCode.TRY_AGAIN, state.sentence());
      case Migration.Outcome.Foreign(String sentence) ->
          throw new CommandProblem(ExitCode.WRONG, sentence);
      case Migration.Outcome.InUse(String sentence) ->
          throw new CommandProblem(ExitCode.TRY_AGAIN, sentence);
    };
  }
}
