package dev.koyomi.runner.cli;

import dev.koyomi.runner.history.FailedJob;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What is left to read after a run on a laptop: its counts, what failed and why, what helps. */
final class RunReport {
  private static final int SHOWN = 10;
  private static final String UNKNOWN = "-";
  private static final List<String> COLUMNS =
      List.of(
          ">run",
          "logical date",
          ">selected",
          ">done",
          ">skipped",
          ">needs attention",
          ">time",
          ">jobs/s");

  private final Screen screen;
  private final History history;

  RunReport(Screen screen, History history) {
    this.screen = screen;
    this.history = history;
  }

  /**
   * What this command did itself.
   *
   * @param jobs that it brought to an end
   */
  record Done(long jobs, Duration time) {}

  /**
   * Prints it.
   *
   * @param done empty when the run was over before
   * @param fix a file of SQL beside the manifest that mends the data
   * @return how many of its jobs need attention
   */
  long print(RunRow run, Optional<Done> done, Optional<Path> fix) {
    screen.line();
    new Table(COLUMNS)
        .with(
            Long.toString(run.id()),
            run.logicalDate().toString(),
            Shown.count(run.selected(), UNKNOWN),
            Shown.count(run.succeeded()),
            Shown.count(run.skipped()),
            Shown.count(run.dead()),
            done.map(each -> Shown.duration(each.time())).orElse(UNKNOWN),
            done.map(RunReport::perSecond).orElse(UNKNOWN))
        .print(screen);
    String others = RunsVerb.others(run);
    if (!others.isEmpty()) {
      screen.line("Of them " + others + ".");
    }
    if (run.dead() > 0) {
      printFailed(run, fix);
    }
    return run.dead();
  }

  private static String perSecond(Done done) {
    long millis = Math.max(1, done.time().toMillis());
    return Shown.count(Math.round(done.jobs() * 1000.0 / millis));
  }

  private void printFailed(RunRow run, Optional<Path> fix) {
    var failed =
        history.failed(
            new History.Filter(
                Optional.empty(), Optional.of(run.id()), List.of(), Optional.empty()),
            SHOWN);
    screen.line();
    screen.line(
        screen.in(
            Screen.Tone.BAD,
            failed.total() == 1
                ? "1 job needs attention:"
                : Shown.jobs(failed.total()) + " need attention:"));
    int indent = failed.jobs().stream().mapToInt(job -> job.key().length()).max().orElse(0) + 4;
    for (FailedJob job : failed.jobs()) {
      List<String> lines = Shown.wrapped(job.message(), screen.width() - indent);
      screen.line(("  %-" + (indent - 4) + "s  %s").formatted(job.key(), lines.getFirst()));
      lines.stream().skip(1).forEach(line -> screen.line(" ".repeat(indent) + line));
    }
    String name = run.batch().substring(run.batch().indexOf('/') + 1);
    if (failed.total() > failed.jobs().size()) {
      screen.line(
          "  … and %s more: ./koyomi failed list %s"
              .formatted(Shown.count(failed.total() - failed.jobs().size()), name));
    }
    screen.line();
    screen.line("What helps:");
    new Hints()
        .with("./koyomi failed show " + name, "what they get, and every attempt")
        .with(
            "./koyomi dev sql " + fix.map(Path::toString).orElse("FILE"),
            fix.isPresent() ? "mends the data of this example" : "runs SQL that mends the data")
        .with(
            "./koyomi failed retry " + name,
            failed.total() == 1 ? "works this one again" : "works these again, and no others")
        .print(screen);
  }
}
