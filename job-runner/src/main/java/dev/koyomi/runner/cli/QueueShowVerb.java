package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.QueueRow;
import dev.koyomi.runner.history.StoppedLane;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "show",
    description = "Shows how much of a batch waits, runs and needs attention, and what holds it.")
final class QueueShowVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Mixin private DatabaseOption option = new DatabaseOption();
  @Mixin private OutputOption output = new OutputOption();

  QueueShowVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException {
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("queue show")) {
      History history = new History(database.jdbi());
      String batch = BatchArgument.resolve(database.jdbi(), name);
      QueueRow queue = history.queue(batch).orElseThrow();
      List<StoppedLane> lanes = history.stoppedLanes(batch);
      if (output.json()) {
        OutputOption.print(surroundings.screen(), List.of(json(queue, lanes)));
      } else {
        print(queue, lanes);
      }
      return ExitCode.DONE;
    }
  }

  private void print(QueueRow queue, List<StoppedLane> lanes) {
    Screen screen = surroundings.screen();
    new Table(List.of("batch", ">waiting", ">running", ">retrying", ">needs attention", "paused"))
        .with(
            queue.batch(),
            Shown.count(queue.waiting() - queue.retrying()),
            Shown.count(queue.running()),
            Shown.count(queue.retrying()),
            Shown.count(queue.dead()),
            paused(queue, surroundings))
        .print(screen);
    if (lanes.isEmpty()) {
      return;
    }
    screen.line();
    screen.line(
        lanes.size() == 1
            ? "1 lane is stopped by a job that needs attention:"
            : "%s lanes are stopped by jobs that need attention:"
                .formatted(Shown.count(lanes.size())));
    Table table =
        new Table(List.of(">lane", "stopped by", ">run", ">jobs behind", "since", "cause"));
    for (StoppedLane lane : lanes) {
      table =
          table.with(
              Integer.toString(lane.lane()),
              lane.key(),
              Long.toString(lane.run()),
              Shown.count(lane.waiting()),
              Shown.time(lane.at(), surroundings.zone()),
              lane.message());
    }
    table.print(screen);
    screen.line();
    screen.line("What helps:");
    String batch = BatchArgument.shortName(queue.batch());
    new Hints()
        .with(
            "koyomi failed retry %s --key KEY".formatted(batch),
            "works the job again, in its place")
        .with("koyomi queue resume %s --key KEY".formatted(batch), "lets its lane go on without it")
        .print(screen);
  }

  /** Empty when it is not. */
  static String paused(QueueRow queue, Surroundings surroundings) {
    return queue.pausedAt() == null
        ? ""
        : "by %s since %s%s"
            .formatted(
                queue.pausedBy(),
                Shown.time(queue.pausedAt(), surroundings.zone()),
                queue.pausedWhy() == null ? "" : ": " + queue.pausedWhy());
  }

  private static Map<String, Object> json(QueueRow queue, List<StoppedLane> lanes) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("batch", queue.batch());
    object.put("waiting", queue.waiting() - queue.retrying());
    object.put("running", queue.running());
    object.put("retrying", queue.retrying());
    object.put("needsAttention", queue.dead());
    if (queue.pausedAt() != null) {
      Map<String, Object> paused = new LinkedHashMap<>();
      paused.put("at", queue.pausedAt().toString());
      put(paused, "by", queue.pausedBy());
      put(paused, "reason", queue.pausedWhy());
      object.put("paused", paused);
    }
    object.put("stoppedLanes", lanes.stream().map(QueueShowVerb::json).toList());
    return object;
  }

  private static void put(Map<String, Object> object, String field, @Nullable String value) {
    if (value != null) {
      object.put(field, value);
    }
  }

  private static Map<String, Object> json(StoppedLane lane) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("lane", lane.lane());
    object.put("key", lane.key());
    object.put("run", lane.run());
    object.put("behind", lane.waiting());
    object.put("errorClass", lane.errorClass());
    object.put("message", lane.message());
    object.put("at", lane.at().toString());
    return object;
  }
}
