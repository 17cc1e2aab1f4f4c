package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.Backlog;
import dev.koyomi.runner.history.HeldLane;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Interventions;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "resume",
    description = {
      "Ends the pause of a batch; or, with --key or --lanes, lets lanes go on that a job stopped.",
      "",
      "A lane of an ordered batch stops at a job that is out of attempts (spec.job.order.onDead:"
          + " StopLane). The jobs behind it go on then, before it; the job itself still needs"
          + " attention. Only for lanes it is asked first."
    })
final class QueueResumeVerb implements Callable<Integer> {
  private final Surroundings surroundings;
  private final Screen screen;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(
      names = "--key",
      paramLabel = "KEY",
      description = "The job that stopped its lane; may be repeated.")
  private List<String> keys = List.of();

  @Option(names = "--lanes", description = "All lanes that a job stopped.")
  private boolean allLanes;

  @Mixin private Consent consent = new Consent();

  @Mixin private DatabaseOption option = new DatabaseOption();

  QueueResumeVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws SQLException {
    if (allLanes && !keys.isEmpty()) {
      throw new CommandProblem(
          ExitCode.WRONG, "--key and --lanes exclude each other: leave one of them out.");
    }
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("queue resume")) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      if (allLanes || !keys.isEmpty()) {
        resumeLanes(database, batch);
      } else if (consent.isDryRun()) {
        boolean resumes =
            Interventions.rehearsed(database.jdbi(), asked -> asked.resume(batch.id()));
        screen.line((resumes ? "%s would go on." : "%s is not paused.").formatted(batch.name()));
      } else {
        resume(database, batch);
      }
      return ExitCode.DONE;
    }
  }

  private void resume(Database database, Batches.Batch batch) {
    boolean resumed = Interventions.done(database.jdbi(), asked -> asked.resume(batch.id()));
    screen.line((resumed ? "%s goes on." : "%s is not paused.").formatted(batch.name()));
    List<HeldLane> lanes = new Backlog(database.jdbi()).stoppedLanes(batch.name());
    if (!lanes.isEmpty()) {
      screen.line(
          "%s stopped by a job that needs attention: `koyomi queue show %s` lists them."
              .formatted(
                  lanes.size() == 1
                      ? "1 of its lanes is"
                      : Shown.count(lanes.size()) + " of its lanes are",
                  BatchArgument.shortName(batch.name())));
    }
  }

  private void resumeLanes(Database database, Batches.Batch batch) {
    if (consent.isAsked()) {
      List<HeldLane> lanes =
          new Backlog(database.jdbi())
              .stoppedLanes(batch.name()).stream()
                  .filter(lane -> allLanes || keys.contains(lane.key()))
                  .toList();
      if (lanes.isEmpty()) {
        screen.line(noLane(batch));
        return;
      }
      long behind = lanes.stream().mapToLong(HeldLane::waiting).sum();
      screen.line(
          "%s of %s would go on, with %s behind, without the %s."
              .formatted(
                  lanes.size() == 1 ? "1 lane" : Shown.count(lanes.size()) + " lanes",
                  batch.name(),
                  Shown.jobs(behind),
                  lanes.size() == 1 ? "job that stopped it" : "jobs that stopped them"));
      if (!consent.given(surroundings)) {
        return;
      }
    }
    List<String> of = allLanes ? List.of() : keys;
    int lanes = Interventions.done(database.jdbi(), asked -> asked.resumeLanes(batch.id(), of));
    screen.line(
        switch (lanes) {
          case 0 -> noLane(batch);
          case 1 ->
              "1 lane of %s goes on without the job that stopped it, which still needs attention."
                  .formatted(batch.name());
          default ->
              "%s lanes of %s go on without the jobs that stopped them, which still need attention."
                  .formatted(Shown.count(lanes), batch.name());
        });
  }

  private String noLane(Batches.Batch batch) {
    return "No lane of %s is stopped by %s."
        .formatted(batch.name(), allLanes ? "a job" : keys.size() == 1 ? "that job" : "these jobs");
  }
}
