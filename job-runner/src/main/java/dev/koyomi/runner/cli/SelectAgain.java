package dev.koyomi.runner.cli;

import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Rehearsal;
import dev.koyomi.runner.queue.Reselection;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code refresh} and {@code redispatch} share: a run, asked for, selects the rest. */
final class SelectAgain {
  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(
      names = "--run",
      paramLabel = "ID",
      description = "This run. Default: the newest one that the trigger selected for.")
  private @Nullable Long run;

  @Mixin private Consent consent = new Consent();

  @Mixin private DatabaseOption option = new DatabaseOption();

  @Mixin private TriggerDatabaseOption source = new TriggerDatabaseOption();

  int call(Surroundings surroundings, Reselection how, String purpose) throws Exception {
    Screen screen = surroundings.screen();
    try (RegisteredTrigger batch =
        RegisteredTrigger.open(surroundings, option, source, name, purpose)) {
      RunRow of = run(batch);
      if (consent.isAsked()) {
        Rehearsal found =
            RegisteredTrigger.targets(batch.trigger().rehearseAgain(of.id(), of.logicalDate(), how))
                .found();
        screen.line(sentence(of, found, how));
        if (found.selected() == 0 && found.cleared() == 0) {
          return ExitCode.DONE;
        }
        if (!consent.given(surroundings)) {
          return ExitCode.DONE;
        }
      }
      int exitCode =
          FiredReport.print(
              screen,
              batch.trigger().again(of.id(), how),
              batch.plan().batch().name(),
              FiredReport.By.Occurrence);
      batch.sayWhenNobodyWorks(screen);
      return exitCode;
    }
  }

  private RunRow run(RegisteredTrigger batch) {
    String full = batch.plan().batch().toString();
    return Optional.ofNullable(run)
        .map(id -> BatchArgument.run(batch.database().jdbi(), full, id))
        .or(() -> batch.history().newestOfTrigger(full))
        .orElseThrow(
            () ->
                new CommandProblem(
                    ExitCode.WRONG,
                    "%s has no run yet: `koyomi run %s` makes one."
                        .formatted(full, BatchArgument.shortName(full))));
  }

  private static String sentence(RunRow of, Rehearsal found, Reselection how) {
    String which = "Run %d (%s) of %s".formatted(of.id(), of.logicalDate(), of.batch());
    String settled =
        found.settled() == 0
            ? ""
            : "%s %s left out, done or still in %s"
                .formatted(
                    Shown.count(found.settled()),
                    found.settled() == 1 ? "is" : "are",
                    how == Reselection.Refresh ? "the hands of a worker" : "the queue");
    String cleared =
        how != Reselection.Refresh
            ? ""
            : found.cleared() == 1
                ? "1 waiting job would be cancelled. "
                : "%s waiting jobs would be cancelled. ".formatted(Shown.count(found.cleared()));
    return found.selected() == 0
        ? "%s%s would select nothing%s."
            .formatted(cleared, which, settled.isEmpty() ? "" : ": " + settled)
        : "%s%s would select %s%s."
            .formatted(
                cleared,
                which,
                RegisteredTrigger.shown(found.selected(), found.sample()),
                settled.isEmpty() ? "" : "; " + settled);
  }
}
