package dev.koyomi.runner.cli;

import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Rehearsal;
import dev.koyomi.runner.queue.Reselection;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.Rehearsed;
import dev.koyomi.runner.trigger.TriggerResult;
import java.time.LocalDate;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "run",
    description = {
      "Fires a batch now, by its definition in the database.",
      "",
      "Without --date a run of its own, for today. An occurrence that has its run is not run twice:"
          + " --again has it select once more, also what it has done."
    })
final class RunVerb implements Callable<Integer> {
  private final Surroundings surroundings;
  private final Screen screen;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(
      names = "--date",
      paramLabel = "DATE",
      description =
          "Day in the batch's time zone, such as 2026-11-01: its first slot, or a run for that day"
              + " when it has none.")
  private @Nullable LocalDate date;

  @Option(
      names = "--again",
      description = "Have the run of --date select once more when it is over.")
  private boolean again;

  @Mixin private Consent consent = new Consent();

  @Mixin private DatabaseOption option = new DatabaseOption();

  @Mixin private TriggerDatabaseOption source = new TriggerDatabaseOption();

  RunVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws Exception {
    if (again && date == null) {
      throw new CommandProblem(
          ExitCode.WRONG, "--again needs --date: it says whose run selects once more.");
    }
    try (RegisteredTrigger batch =
        RegisteredTrigger.open(surroundings, option, source, name, "run")) {
      Fired fired =
          date == null
              ? new Fired.Request("run/" + UUID.randomUUID(), surroundings.clock().instant())
              : Occurrence.choose(batch.plan(), Optional.of(date), surroundings.clock().instant())
                  .orElseThrow();
      Optional<RunRow> before = batch.trigger().runOf(fired).flatMap(batch.history()::run);
      if (before.isPresent() && again) {
        return again(batch, before.get());
      }
      if (before.isPresent() && consent.isDryRun()) {
        return alreadyDispatched(before.get().id(), RunState.valueOf(before.get().state()));
      }
      if (consent.isDryRun()) {
        return rehearse(RegisteredTrigger.targets(batch.trigger().rehearse(fired)));
      }
      TriggerResult result = batch.trigger().fire(fired);
      if (result instanceof TriggerResult.AlreadyDispatched(long run, var state)) {
        return alreadyDispatched(run, state);
      }
      int exitCode =
          FiredReport.print(
              screen,
              result,
              batch.plan().batch().name(),
              date == null ? FiredReport.By.Request : FiredReport.By.Occurrence);
      if (result instanceof TriggerResult.Dispatched) {
        batch.sayWhenNobodyWorks(screen);
      }
      return exitCode;
    }
  }

  private int alreadyDispatched(long run, RunState state) {
    screen.line(
        FiredReport.before(run, state) + ". Nothing was changed; --again has it select once more.");
    return ExitCode.DONE;
  }

  private int rehearse(Rehearsed.Targets targets) {
    Rehearsal found = targets.found();
    screen.line(
        "A run for %s would select %s."
            .formatted(
                targets.logicalDate(), RegisteredTrigger.shown(found.selected(), found.sample())));
    if (found.duplicates() > 0) {
      screen.line(
          "%s more would name a target a second time.".formatted(Shown.rows(found.duplicates())));
    }
    screen.line("Nothing was changed.");
    return ExitCode.DONE;
  }

  private int again(RegisteredTrigger batch, RunRow run) throws Exception {
    if (run.open()) {
      throw new CommandProblem(
          ExitCode.OTHER,
          "Run %d (%s) is not over yet: `koyomi redispatch %s --run %d` adds what it has not."
              .formatted(
                  run.id(), run.logicalDate(), BatchArgument.shortName(run.batch()), run.id()));
    }
    if (consent.isAsked()) {
      Rehearsal found =
          RegisteredTrigger.targets(
                  batch
                      .trigger()
                      .rehearseAgain(run.id(), run.logicalDate(), Reselection.Everything))
              .found();
      screen.line(
          "Run %d (%s) of %s would select %s."
              .formatted(
                  run.id(),
                  run.logicalDate(),
                  run.batch(),
                  RegisteredTrigger.shown(found.selected(), found.sample())));
      if (found.settled() > 0) {
        screen.line(
            "%s of them %s done by this run and would be done again; `koyomi redispatch` leaves these out."
                .formatted(Shown.count(found.settled()), found.settled() == 1 ? "was" : "were"));
      }
      if ((consent.isDryRun() || found.settled() > 0) && !consent.given(surroundings)) {
        return ExitCode.DONE;
      }
    }
    int exitCode =
        FiredReport.print(
            screen,
            batch.trigger().again(run.id(), Reselection.Everything),
            batch.plan().batch().name(),
            FiredReport.By.Occurrence);
    batch.sayWhenNobodyWorks(screen);
    return exitCode;
  }
}
