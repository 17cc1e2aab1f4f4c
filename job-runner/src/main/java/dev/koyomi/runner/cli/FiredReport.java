package dev.koyomi.runner.cli;

import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.trigger.TriggerResult;

/** How a firing ended: a sentence, and the exit code of its command. */
final class FiredReport {
  private FiredReport() {}

  /** Who fired, and what another firing by the same hand would be. */
  enum By {
    /**
     * A Job of the cluster, whose next pod goes on with the run; nobody is there who would want to
     * know that a run was skipped.
     */
    Clock,
    /** A command that names the occurrence: called again, it goes on with the same run. */
    Occurrence,
    /** A command that asks for a run: called again, it may ask for another one. */
    Request
  }

  /**
   * @param batch its name, without the namespace
   */
  static int print(Screen screen, TriggerResult result, String batch, By by) {
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
        yield by == By.Clock ? ExitCode.DONE : ExitCode.SKIPPED;
      }
      case TriggerResult.Refused(long run, String message) ->
          throw new CommandProblem(
              ExitCode.WRONG, "The selection for run %d failed: %s".formatted(run, message));
      case TriggerResult.Failed failed ->
          throw new CommandProblem(ExitCode.OTHER, broke(failed, batch, by));
      case TriggerResult.TryAgain(String message) ->
          throw new CommandProblem(ExitCode.TRY_AGAIN, message);
    };
  }

  /** Without its full stop. */
  static String before(long run, RunState state) {
    return "This occurrence was fired before, as run %d: %s".formatted(run, state);
  }

  static String broke(TriggerResult.Failed failed, String batch, By by) {
    String broke =
        "The selection for run %d broke: %s."
            .formatted(failed.run(), failed.message().replaceFirst("[.]$", ""));
    if (failed.state() != RunState.Selecting) {
      return failed.state().open()
          ? broke + " The run goes on without it."
          : broke + " The run is over: %s.".formatted(failed.state());
    }
    String again =
        by == By.Occurrence
            ? "the same command once more"
            : "`koyomi redispatch %s --run %d`".formatted(batch, failed.run());
    return broke
        + " The run waits for another one: when that is mended, %s; or `koyomi cancel %s --run %d`."
            .formatted(again, batch, failed.run());
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
