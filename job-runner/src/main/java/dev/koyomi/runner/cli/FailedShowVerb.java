package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.Attempt;
import dev.koyomi.runner.history.FailedJob;
import dev.koyomi.runner.history.History;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "show",
    description = "Shows jobs that need attention with their payload and every attempt.")
final class FailedShowVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Mixin private FailedVerb.Choice choice = new FailedVerb.Choice();

  @Option(
      names = "--limit",
      converter = AtLeastOne.class,
      paramLabel = "N",
      defaultValue = "10",
      description = "At most so many. Default: ${DEFAULT-VALUE}.")
  private int limit;

  @Mixin private DatabaseOption option = new DatabaseOption();
  @Mixin private OutputOption output = new OutputOption();

  FailedShowVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    Screen screen = surroundings.screen();
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("failed show")) {
      History history = new History(database.jdbi());
      var failed = history.failed(choice.filter(database), limit);
      if (output.json()) {
        OutputOption.print(
            screen, failed.jobs().stream().map(job -> json(job, history.attempts(job))).toList());
      } else if (failed.jobs().isEmpty()) {
        screen.line(choice.nothing());
      } else {
        failed.jobs().forEach(job -> print(job, history.attempts(job)));
        long hidden = failed.total() - failed.jobs().size();
        if (hidden > 0) {
          screen.line(
              "… and %s more; --key picks one, --limit shows more.".formatted(Shown.count(hidden)));
        }
      }
      return ExitCode.DONE;
    }
  }

  private void print(FailedJob job, List<Attempt> attempts) {
    Screen screen = surroundings.screen();
    screen.line(
        screen.in(Screen.Tone.STRONG, job.key())
            + "  %s, run %d".formatted(job.batch(), job.run()));
    screen.line("  payload    " + job.payload());
    for (Attempt attempt : attempts) {
      screen.line(
          "  attempt %-2d %s  %s"
              .formatted(
                  attempt.number(),
                  Shown.time(attempt.at(), surroundings.zone()),
                  attempt.pod().isEmpty() ? "" : "on " + attempt.pod()));
      Shown.wrapped(attempt.message(), screen.width() - 13)
          .forEach(line -> screen.line(" ".repeat(13) + line));
    }
    screen.line();
  }

  private static Map<String, Object> json(FailedJob job, List<Attempt> attempts) {
    Map<String, Object> object = FailedListVerb.json(job);
    object.put("failures", attempts.stream().map(FailedShowVerb::json).toList());
    return object;
  }

  private static Map<String, Object> json(Attempt attempt) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("attempt", attempt.number());
    object.put("errorClass", attempt.errorClass());
    object.put("message", attempt.message());
    object.put("pod", attempt.pod());
    object.put("at", attempt.at().toString());
    return object;
  }
}
