package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Interventions;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "clear",
    description = {
      "Cancels the jobs of a batch, or of one run, that wait.",
      "",
      "Those that a worker has in hand go on, and those that need attention stay."
    })
final class QueueClearVerb implements Callable<Integer> {
  private final Surroundings surroundings;
  private final Screen screen;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(names = "--run", paramLabel = "ID", description = "Only of this run.")
  private @Nullable Long run;

  @Mixin private Consent consent = new Consent();

  @Mixin private DatabaseOption option = new DatabaseOption();

  QueueClearVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws SQLException {
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("queue clear")) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      Optional<Long> only = Optional.ofNullable(run);
      only.ifPresent(id -> BatchArgument.run(database.jdbi(), batch.name(), id));
      String of = only.map("run %d of "::formatted).orElse("") + batch.name();
      if (consent.isAsked()) {
        long jobs =
            Interventions.rehearsed(database.jdbi(), asked -> asked.clear(batch.id(), only));
        if (jobs == 0) {
          screen.line("Nothing of %s waits.".formatted(of));
          return ExitCode.DONE;
        }
        screen.line(
            "%s of %s would be cancelled; what a worker has in hand goes on."
                .formatted(waiting(jobs), of));
        if (!consent.given(surroundings)) {
          return ExitCode.DONE;
        }
      }
      long jobs = Interventions.done(database.jdbi(), asked -> asked.clear(batch.id(), only));
      screen.line(
          jobs == 0
              ? "Nothing of %s waits.".formatted(of)
              : "%s of %s %s cancelled.".formatted(waiting(jobs), of, jobs == 1 ? "was" : "were"));
      return ExitCode.DONE;
    }
  }

  private static String waiting(long jobs) {
    return jobs == 1 ? "1 waiting job" : Shown.count(jobs) + " waiting jobs";
  }
}
