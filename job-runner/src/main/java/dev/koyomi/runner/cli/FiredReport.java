package dev.koyomi.runner.cli;

import dev.koyomi.runner.trigger.TriggerResult;

/** How a firing ended: a sentence, and the exit code of its command. */
final class FiredReport {
  private FiredReport() {}

  /**
   * @param byClock nobody is there who would want to know that a run was skipped
   */
  static int print(Screen screen, TriggerResult result, boolean byClock) {
    return switch (result) {
      case TriggerResult.Dispatched dispatched -> {
        screen.line(sentence(dispatched));
        yield ExitCode.DONE;
      }
      case TriggerResult.AlreadyDispatched(long run, var state) -> {
        screen.line("This occurrence was dispatched before, as run %d: %s.".formatted(run, state));
        yield ExitCode.DONE;
      }
      case TriggerResult.Skipped(long run, String message) -> {
        screen.line("Run %d was skipped: %s.".formatted(run, message));
        yield byClock ? ExitCode.DONE : ExitCode.SKIPPED;
      }
      case TriggerResult.Refused(long run, String message) ->
          throw new CommandProblem(
              ExitCode.WRONG, "The selection for run %d failed: %s".formatted(run, message));
      case TriggerResult.Failed(long run, String message) ->
          throw new CommandProblem(
              ExitCode.OTHER, "The selection for run %d failed: %s".formatted(run, message));
      case TriggerResult.TryAgain(String message) ->
          throw new CommandProblem(ExitCode.TRY_AGAIN, message);
    };
  }

  private static String sentence(TriggerResult.Dispatched run) {
    String twice =
        run.duplicates() == 0
            ? ""
            : " (%s more with a key that was there already)"
                .formatted(Shown.jobs(run.duplicates()));
    String leftOut =
        run.settled() == 0
            ? ""
            : ", %s left out that %s done or still in the queue"
                .formatted(Shown.count(run.settled()), run.settled() == 1 ? "is" : "are");
    return "Run %d for %s: %s selected%s%s, %s."
        .formatted(
            run.run(), run.logicalDate(), Shown.jobs(run.selected()), twice, leftOut, run.state());
  }
}
