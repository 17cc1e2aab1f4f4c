package dev.koyomi.runner.cli;

import dev.koyomi.runner.queue.RunState;
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
        screen.line(before(run, state) + ".");
        yield ExitCode.DONE;
      }
      case TriggerResult.Skipped(long run, String message) -> {
        screen.line("Run %d was skipped: %s.".formatted(run, message));
        yield byClock ? ExitCode.DONE : ExitCode.SKIPPED;
      }
      case TriggerResult.Refused(long run, String message) ->
          throw new CommandProblem(
              ExitCode.WRONG, "The selection for run %d failed: %s".formatted(run, message));
      case TriggerResult.Failed failed -> throw new CommandProblem(ExitCode.OTHER, broke(failed));
      case TriggerResult.TryAgain(String message) ->
          throw new CommandProblem(ExitCode.TRY_AGAIN, message);
    };
  }

  /** Without its full stop. */
  static String before(long run, RunState state) {
    return state == RunState.Skipped
        ? "This occurrence was skipped before, as run %d".formatted(run)
        : "This occurrence was dispatched before, as run %d: %s".formatted(run, state);
  }

  static String broke(TriggerResult.Failed failed) {
    String broke =
        "The selection for run %d broke: %s."
            .formatted(failed.run(), failed.message().replaceFirst("[.]$", ""));
    return failed.waits()
        ? broke
            + " The run waits for another one: fire again when that is mended, or `koyomi cancel NAME --run %d`."
                .formatted(failed.run())
        : broke + " The run keeps what it had.";
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
