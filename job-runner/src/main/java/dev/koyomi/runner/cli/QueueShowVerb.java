package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.Backlog;
import dev.koyomi.runner.history.HeldLane;
import dev.koyomi.runner.history.QueueRow;
import java.sql.SQLException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
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
      Backlog backlog = new Backlog(database.jdbi());
      String batch = BatchArgument.resolve(database.jdbi(), name);
      QueueRow queue = backlog.queue(batch).orElseThrow();
      List<HeldLane> lanes = backlog.heldLanes(batch);
      if (output.json()) {
        OutputOption.print(surroundings.screen(), List.of(json(queue, lanes)));
      } else {
        print(queue, lanes);
      }
      return ExitCode.DONE;
    }
  }

  private void print(QueueRow queue, List<HeldLane> lanes) {
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
    List<HeldLane> retrying = lanes.stream().filter(lane -> !lane.stopped()).toList();
    if (!retrying.isEmpty()) {
      screen.line();
      screen.line(
          retrying.size() == 1
              ? "1 lane waits for the retry of a job:"
              : "%s lanes wait for the retries of jobs:".formatted(Shown.count(retrying.size())));
      table("held by", "next attempt", retrying, HeldLane::retryAt).print(screen);
    }
    List<HeldLane> stopped = lanes.stream().filter(HeldLane::stopped).toList();
    if (stopped.isEmpty()) {
      return;
    }
    screen.line();
    screen.line(
        stopped.size() == 1
            ? "1 lane is stopped by a job that needs attention:"
            : "%s lanes are stopped by jobs that need attention:"
                .formatted(Shown.count(stopped.size())));
    table("stopped by", "since", stopped, HeldLane::at).print(screen);
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

  private Table table(
      String by, String when, List<HeldLane> lanes, Function<HeldLane, @Nullable Instant> time) {
    Table table = new Table(List.of(">lane", by, ">run", ">jobs behind", when, "cause"));
    for (HeldLane lane : lanes) {
      @Nullable Instant at = time.apply(lane);
      table =
          table.with(
              Integer.toString(lane.lane()),
              lane.key(),
              Long.toString(lane.run()),
              Shown.count(lane.waiting()),
              at == null ? "" : Shown.time(at, surroundings.zone()),
              lane.message());
    }
    return table;
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

  private static Map<String, Object> json(QueueRow queue, List<HeldLane> lanes) {
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
    object.put(
        "retryingLanes",
        lanes.stream().filter(lane -> !lane.stopped()).map(QueueShowVerb::json).toList());
    object.put(
        "stoppedLanes", lanes.stream().filter(HeldLane::stopped).map(QueueShowVerb::json).toList());
    return object;
  }

  private static void put(Map<String, Object> object, String field, @Nullable String value) {
    if (value != null) {
      object.put(field, value);
    }
  }

  private static Map<String, Object> json(HeldLane lane) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("lane", lane.lane());
    object.put("key", lane.key());
    object.put("run", lane.run());
    object.put("behind", lane.waiting());
    object.put("errorClass", lane.errorClass());
    object.put("message", lane.message());
    object.put("at", lane.at().toString());
    if (lane.retryAt() != null) {
      object.put("retryAt", lane.retryAt().toString());
    }
    return object;
  }
}
