package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import java.sql.SQLException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "runs", description = "Lists runs with their counts, the newest first.")
final class RunsVerb implements Callable<Integer> {
  private static final List<String> COLUMNS =
      List.of(
          ">run",
          "batch",
          "logical date",
          "state",
          ">selected",
          ">done",
          ">skipped",
          ">needs attention",
          "started",
          ">time",
          "why");

  private final Surroundings surroundings;

  @Parameters(
      arity = "0..1",
      paramLabel = "NAME",
      description = "Only this batch: NAMESPACE/NAME, or NAME alone where that is enough.")
  private @Nullable String name;

  @Option(
      names = "--limit",
      converter = AtLeastOne.class,
      paramLabel = "N",
      defaultValue = "20",
      description = "At most so many. Default: ${DEFAULT-VALUE}.")
  private int limit;

  @Mixin private DatabaseOption option = new DatabaseOption();
  @Mixin private OutputOption output = new OutputOption();

  RunsVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("runs")) {
      Optional<String> batch =
          Optional.ofNullable(name).map(each -> BatchArgument.resolve(database.jdbi(), each));
      List<RunRow> runs = new History(database.jdbi()).runs(batch, limit);
      if (output.json()) {
        OutputOption.print(surroundings.screen(), runs.stream().map(RunsVerb::json).toList());
      } else if (runs.isEmpty()) {
        surroundings.screen().line("There are no runs yet.");
      } else {
        print(runs);
      }
      return ExitCode.DONE;
    }
  }

  private void print(List<RunRow> runs) {
    Instant now = surroundings.clock().instant();
    Table table = new Table(COLUMNS);
    for (RunRow run : runs) {
      table =
          table.with(
              Long.toString(run.id()),
              run.batch(),
              run.logicalDate().toString(),
              run.state(),
              Shown.count(run.selected(), ""),
              Shown.count(run.succeeded()),
              Shown.count(run.skipped()),
              Shown.count(run.dead()),
              Shown.time(run.createdAt(), surroundings.zone()),
              Shown.duration(run.took(now)),
              why(run));
    }
    table.print(surroundings.screen());
  }

  /** What the run says of itself, and what its counts do not show. */
  private static String why(RunRow run) {
    return joined(Stream.of(run.message() == null ? "" : run.message(), others(run)));
  }

  /** How many ended otherwise than the columns say; empty: none. */
  static String others(RunRow run) {
    return joined(
        Stream.of(
            run.discarded() == 0 ? "" : Shown.count(run.discarded()) + " discarded",
            run.cancelled() == 0 ? "" : Shown.count(run.cancelled()) + " cancelled",
            run.expired() == 0 ? "" : Shown.count(run.expired()) + " expired"));
  }

  private static String joined(Stream<String> parts) {
    return parts.filter(each -> !each.isEmpty()).collect(Collectors.joining(", "));
  }

  private static Map<String, Object> json(RunRow run) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("id", run.id());
    object.put("batch", run.batch());
    object.put("occurrence", run.occurrence().toString());
    object.put("request", run.request());
    object.put("logicalDate", run.logicalDate().toString());
    object.put("state", run.state());
    put(object, "reason", run.reason());
    put(object, "message", run.message());
    put(object, "selected", run.selected());
    object.put("succeeded", run.succeeded());
    object.put("skipped", run.skipped());
    object.put("dead", run.dead());
    object.put("discarded", run.discarded());
    object.put("cancelled", run.cancelled());
    object.put("expired", run.expired());
    object.put("retrying", run.retrying());
    object.put("createdAt", run.createdAt().toString());
    put(object, "endedAt", run.endedAt());
    return object;
  }

  private static void put(Map<String, Object> object, String field, @Nullable Object value) {
    if (value != null) {
      object.put(field, value instanceof Instant instant ? instant.toString() : value);
    }
  }
}
