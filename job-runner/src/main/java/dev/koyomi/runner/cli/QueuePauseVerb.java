package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.Backlog;
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
    name = "pause",
    description = "Lets no more jobs of a batch begin, until `queue resume`; those that run end.",
    footer = {"", "Runs are still made by the timetable; their jobs wait."})
final class QueuePauseVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(names = "--why", paramLabel = "REASON", description = "Why, for those who look later.")
  private @Nullable String why;

  @Mixin private DatabaseOption option = new DatabaseOption();

  QueuePauseVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("queue pause")) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      boolean paused =
          Interventions.done(
              database.jdbi(),
              asked -> asked.pause(batch.id(), surroundings.user(), Optional.ofNullable(why)));
      var queue = new Backlog(database.jdbi()).queue(batch.name()).orElseThrow();
      surroundings
          .screen()
          .line(
              paused
                  ? "%s is paused: no more of its jobs begin, %s and %s in hand."
                      .formatted(
                          batch.name(),
                          waiting(queue.waiting()),
                          queue.running() == 1 ? "1 is" : Shown.count(queue.running()) + " are")
                  : "%s was paused before, %s. Nothing was changed."
                      .formatted(batch.name(), QueueShowVerb.paused(queue, surroundings)));
      return ExitCode.DONE;
    }
  }

  private static String waiting(long jobs) {
    return jobs == 1 ? "1 waits" : Shown.count(jobs) + " wait";
  }
}
