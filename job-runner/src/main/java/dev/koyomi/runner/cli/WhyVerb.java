package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.Backlog;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.queue.Batches;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "why",
    description = "Says in plain sentences what a batch is doing, or why it does nothing.")
final class WhyVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Mixin private DatabaseOption option = new DatabaseOption();

  WhyVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    Screen screen = surroundings.screen();
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("why")) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      Plan plan = ManifestFile.registered(batch.name(), batch.definition()).plan();
      History history = new History(database.jdbi());
      Backlog backlog = new Backlog(database.jdbi());
      Reasons reasons =
          new Reasons(
              plan,
              backlog.situation(batch.name()),
              backlog.queue(batch.name()).orElseThrow(),
              backlog.stoppedLanes(batch.name()),
              history.openRuns(batch.name()),
              history.runs(Optional.of(batch.name()), 1).stream().findFirst(),
              surroundings.zone());
      for (String sentence : reasons.sentences()) {
        if (screen.terminal()) {
          Shown.wrapped(sentence, screen.width()).forEach(screen::line);
        } else {
          screen.line(sentence);
        }
      }
      return ExitCode.DONE;
    }
  }
}
