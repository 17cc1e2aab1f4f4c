package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
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

@Command(name = "list", description = "Lists jobs that need attention, each with its cause.")
final class FailedListVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Mixin private FailedVerb.Choice choice = new FailedVerb.Choice();

  @Option(
      names = "--limit",
      converter = AtLeastOne.class,
      paramLabel = "N",
      defaultValue = "100",
      description = "At most so many. Default: ${DEFAULT-VALUE}.")
  private int limit;

  @Mixin private DatabaseOption option = new DatabaseOption();
  @Mixin private OutputOption output = new OutputOption();

  FailedListVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    Screen screen = surroundings.screen();
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("failed list")) {
      var failed = new History(database.jdbi()).failed(choice.filter(database), limit);
      if (output.json()) {
        OutputOption.print(screen, failed.jobs().stream().map(FailedListVerb::json).toList());
      } else if (failed.jobs().isEmpty()) {
        screen.line(choice.nothing());
      } else {
        print(failed);
      }
      return ExitCode.DONE;
    }
  }

  private void print(History.FailedJobs failed) {
    Table table = new Table(List.of("batch", ">run", "key", ">attempts", "failed at", "cause"));
    for (FailedJob job : failed.jobs()) {
      table =
          table.with(
              job.batch(),
              Long.toString(job.run()),
              job.key(),
              Integer.toString(job.attempts()),
              Shown.time(job.at(), surroundings.zone()),
              job.message());
    }
    table.print(surroundings.screen());
    long hidden = failed.total() - failed.jobs().size();
    if (hidden > 0) {
      surroundings
          .screen()
          .line("… and %s more; --limit shows more.".formatted(Shown.count(hidden)));
    }
  }

  static Map<String, Object> json(FailedJob job) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("batch", job.batch());
    object.put("run", job.run());
    object.put("key", job.key());
    object.put("payload", OutputOption.raw(job.payload()));
    object.put("kind", job.kind());
    object.put("attempts", job.attempts());
    object.put("errorClass", job.errorClass());
    object.put("message", job.message());
    object.put("at", job.at().toString());
    return object;
  }
}
