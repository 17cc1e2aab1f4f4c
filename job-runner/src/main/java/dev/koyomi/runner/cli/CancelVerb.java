package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Interventions;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "cancel",
    description = {
      "Cancels a run, or single jobs that have not ended.",
      "",
      "Also what runs now: it cannot commit any more. What has ended stays as it is, and a run that"
          + " was cancelled does not come back by itself."
    })
final class CancelVerb implements Callable<Integer> {
  private final Surroundings surroundings;
  private final Screen screen;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(
      names = "--run",
      paramLabel = "ID",
      description = "This run; with --key, only that job of it.")
  private @Nullable Long run;

  @Option(
      names = "--key",
      paramLabel = "KEY",
      description = "Jobs of this target; may be repeated.")
  private List<String> keys = List.of();

  @Option(
      names = "--job",
      paramLabel = "NUMBER",
      description = "The job that `enqueue` gave this number; may be repeated.")
  private List<Long> numbers = List.of();

  @Option(names = "--why", paramLabel = "REASON", description = "Why, for those who look later.")
  private @Nullable String why;

  @Mixin private Consent consent = new Consent();

  @Mixin private DatabaseOption option = new DatabaseOption();

  CancelVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws SQLException {
    if (run == null && keys.isEmpty() && numbers.isEmpty()) {
      throw new CommandProblem(
          ExitCode.WRONG, "Say what to cancel: --run ID, --key KEY or --job NUMBER.");
    }
    if (why != null && !(keys.isEmpty() && numbers.isEmpty())) {
      throw new CommandProblem(
          ExitCode.WRONG, "--why is kept with a run that is cancelled as a whole: leave it out.");
    }
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("cancel")) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      Optional<RunRow> of =
          Optional.ofNullable(run).map(id -> BatchArgument.run(database.jdbi(), batch.name(), id));
      if (keys.isEmpty() && numbers.isEmpty()) {
        cancelRun(database, of.orElseThrow());
      } else {
        cancelJobs(database, batch);
      }
      return ExitCode.DONE;
    }
  }

  private void cancelRun(Database database, RunRow of) {
    String words = why == null ? "cancelled by " + surroundings.user() : why;
    if (consent.isAsked()) {
      Optional<Long> jobs =
          Interventions.rehearsed(database.jdbi(), asked -> asked.cancelRun(of.id(), words));
      if (jobs.isEmpty()) {
        sayOver(of);
        return;
      }
      screen.line(
          "Run %d (%s) of %s would be cancelled, with %s that %s not ended."
              .formatted(
                  of.id(),
                  of.logicalDate(),
                  of.batch(),
                  Shown.jobs(jobs.get()),
                  jobs.get() == 1 ? "has" : "have"));
      if (!consent.given(surroundings)) {
        return;
      }
    }
    Interventions.done(database.jdbi(), asked -> asked.cancelRun(of.id(), words))
        .ifPresentOrElse(
            jobs ->
                screen.line(
                    "Run %d (%s) of %s was cancelled, with %s."
                        .formatted(of.id(), of.logicalDate(), of.batch(), Shown.jobs(jobs))),
            () -> sayOver(of));
  }

  private void sayOver(RunRow of) {
    screen.line(
        "Run %d (%s) of %s is over already: %s. Nothing was changed."
            .formatted(of.id(), of.logicalDate(), of.batch(), of.state()));
  }

  private void cancelJobs(Database database, Batches.Batch batch) {
    if (consent.isAsked()) {
      int jobs = Interventions.rehearsed(database.jdbi(), asked -> cancel(asked, batch));
      if (jobs == 0) {
        sayNone(batch);
        return;
      }
      screen.line("%s of %s would be cancelled.".formatted(Shown.jobs(jobs), batch.name()));
      if (!consent.given(surroundings)) {
        return;
      }
    }
    int jobs = Interventions.done(database.jdbi(), asked -> cancel(asked, batch));
    if (jobs == 0) {
      sayNone(batch);
    } else {
      screen.line(
          "%s of %s %s cancelled."
              .formatted(Shown.jobs(jobs), batch.name(), jobs == 1 ? "was" : "were"));
    }
  }

  private int cancel(Interventions asked, Batches.Batch batch) {
    return asked.cancelJobs(batch.id(), Optional.ofNullable(run), keys, numbers);
  }

  private void sayNone(Batches.Batch batch) {
    screen.line(
        "%s has no such job that has not ended: `koyomi jobs %s` lists what it has."
            .formatted(batch.name(), BatchArgument.shortName(batch.name())));
  }
}
