package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.JobRow;
import dev.koyomi.runner.history.Jobs;
import dev.koyomi.runner.queue.Batches;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "jobs",
    description = "Lists jobs of a batch, those of the newest run first.",
    footer = {
      "",
      "A job that waits or is to be retried shows when it is due, another one since when it is so."
    })
final class JobsVerb implements Callable<Integer> {
  private final Surroundings surroundings;
  private final Screen screen;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(names = "--run", paramLabel = "ID", description = "Only of this run.")
  private @Nullable Long run;

  @Option(
      names = "--state",
      paramLabel = "STATE",
      description =
          "Only waiting, running, retrying, done, skipped, failed (those that need attention),"
              + " cancelled or discarded ones.")
  private JobRow.@Nullable State state;

  @Option(names = "--key", paramLabel = "KEY", description = "Only of this target.")
  private @Nullable String key;

  @Option(
      names = "--limit",
      converter = AtLeastOne.class,
      paramLabel = "N",
      defaultValue = "100",
      description = "At most so many. Default: ${DEFAULT-VALUE}.")
  private int limit;

  @Mixin private DatabaseOption option = new DatabaseOption();
  @Mixin private OutputOption output = new OutputOption();

  JobsVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws SQLException {
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("jobs")) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      Optional<Long> only = Optional.ofNullable(run);
      only.ifPresent(id -> BatchArgument.run(database.jdbi(), batch.name(), id));
      List<JobRow> found =
          new Jobs(database.jdbi())
              .list(
                  new Jobs.Filter(
                      batch.id(), only, Optional.ofNullable(state), Optional.ofNullable(key)),
                  limit + 1);
      List<JobRow> jobs = found.subList(0, Math.min(limit, found.size()));
      if (output.json()) {
        OutputOption.print(screen, jobs.stream().map(JobsVerb::json).toList());
      } else if (jobs.isEmpty()) {
        screen.line(
            run == null && state == null && key == null
                ? "%s has no jobs.".formatted(batch.name())
                : "%s has no such job.".formatted(batch.name()));
      } else {
        print(jobs);
        if (found.size() > jobs.size()) {
          screen.line("… and more; --limit shows more, --state and --key pick some.");
        }
      }
      return ExitCode.DONE;
    }
  }

  private void print(List<JobRow> jobs) {
    boolean numbered = jobs.stream().anyMatch(job -> job.number() != null);
    List<String> columns =
        new ArrayList<>(List.of(">run", "key", "state", ">attempt", "due or since", "last error"));
    if (numbered) {
      columns.add(1, ">job");
    }
    List<List<String>> rows = new ArrayList<>();
    for (JobRow job : jobs) {
      List<String> row =
          new ArrayList<>(
              List.of(
                  job.run() == null ? "" : Long.toString(job.run()),
                  job.key(),
                  word(job.state()),
                  Integer.toString(job.attempt()),
                  job.at() == null ? "" : Shown.time(job.at(), surroundings.zone()),
                  job.message() == null ? "" : job.message()));
      if (numbered) {
        row.add(1, job.number() == null ? "" : Long.toString(job.number()));
      }
      rows.add(row);
    }
    new Table(columns, rows).print(screen);
  }

  private static String word(JobRow.State state) {
    return state.name().toLowerCase(Locale.ROOT);
  }

  private static Map<String, Object> json(JobRow job) {
    Map<String, Object> object = new LinkedHashMap<>();
    put(object, "run", job.run());
    put(object, "number", job.number());
    object.put("key", job.key());
    object.put("state", word(job.state()));
    object.put("attempt", job.attempt());
    put(object, "at", job.at());
    put(object, "errorClass", job.errorClass());
    put(object, "message", job.message());
    return object;
  }

  private static void put(Map<String, Object> object, String field, @Nullable Object value) {
    if (value != null) {
      object.put(field, value instanceof Instant instant ? instant.toString() : value);
    }
  }
}
