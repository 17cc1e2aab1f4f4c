package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Interventions;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "discard",
    description = {
      "Sets jobs that need attention aside for good.",
      "",
      "They need no attention any more and are never run again; they stay in the history with the"
          + " reason. A lane that one of them stopped goes on."
    })
final class FailedDiscardVerb implements Callable<Integer> {
  private final Surroundings surroundings;
  private final Screen screen;

  @Mixin private FailedVerb.Scope scope = new FailedVerb.Scope();

  @Option(
      names = "--reason",
      required = true,
      paramLabel = "REASON",
      description = "Why, for those who look later.")
  private String reason = "";

  @Mixin private Consent consent = new Consent();

  @Mixin private DatabaseOption option = new DatabaseOption();

  FailedDiscardVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws SQLException {
    if (reason.isBlank()) {
      throw new CommandProblem(ExitCode.WRONG, "--reason is empty: say why, in a few words.");
    }
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("failed discard")) {
      History.Filter filter = scope.filter(database, "discard");
      History history = new History(database.jdbi());
      List<RunRow> runs = history.runsInNeed(filter);
      if (runs.isEmpty()) {
        screen.line(scope.nothing());
        return ExitCode.DONE;
      }
      scope.sayMissing(screen, history, filter);
      if (consent.isAsked()) {
        rehearse(database, runs, filter);
        if (!consent.given(surroundings)) {
          return ExitCode.DONE;
        }
      }
      for (RunRow run : runs) {
        int jobs = Interventions.done(database.jdbi(), asked -> discard(asked, run, filter));
        screen.line(
            "%s of run %d (%s) %s discarded."
                .formatted(
                    Shown.jobs(jobs), run.id(), run.logicalDate(), jobs == 1 ? "was" : "were"));
      }
      return ExitCode.DONE;
    }
  }

  private void rehearse(Database database, List<RunRow> runs, History.Filter filter) {
    Table byRun = FailedVerb.byRun();
    int all = 0;
    for (RunRow run : runs) {
      int jobs = Interventions.rehearsed(database.jdbi(), asked -> discard(asked, run, filter));
      byRun = FailedVerb.with(byRun, run, jobs);
      all += jobs;
    }
    byRun.print(screen);
    screen.line();
    screen.line("%s would be set aside for good and never run again.".formatted(Shown.jobs(all)));
  }

  private int discard(Interventions asked, RunRow run, History.Filter filter) {
    return asked.discard(FailedVerb.of(run, filter), surroundings.user(), reason);
  }
}
