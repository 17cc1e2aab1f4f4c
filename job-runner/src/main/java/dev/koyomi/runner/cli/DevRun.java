package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.history.Backlog;
import dev.koyomi.runner.history.HeldLane;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;

/** One occurrence on a laptop, from its firing to its report. */
final class DevRun {
  private static final int LOOKED_AT = 1000;
  private static final DateTimeFormatter SLOT =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm VV", Locale.ROOT);

  private final Screen screen;
  private final LocalRun local;
  private final Plan plan;
  private final History history;
  private final Backlog backlog;
  private final Optional<Path> fix;

  DevRun(Screen screen, LocalRun local, Plan plan, Jdbi jdbi, Optional<Path> fix) {
    this.screen = screen;
    this.local = local;
    this.plan = plan;
    this.history = new History(jdbi);
    this.backlog = new Backlog(jdbi);
    this.fix = fix;
  }

  /** Returns how many of the run's jobs need attention. */
  long go(Fired fired) throws Exception {
    int batchId = local.enter();
    finishOthers(batchId, fired);
    Stopwatch watch = new Stopwatch();
    screen.line("Firing %s.".formatted(shown(fired)));
    return switch (local.fire(fired)) {
      case TriggerResult.Dispatched dispatched -> {
        if (dispatched.state() == RunState.Failed) {
          throw new CommandProblem(
              ExitCode.OTHER,
              "Run %d failed: nothing was selected, and spec.trigger.onEmpty is Fail."
                  .formatted(dispatched.run()));
        }
        if (dispatched.duplicates() > 0) {
          screen.line(
              "%s more with a key that was there already: the first of each key counts."
                  .formatted(Shown.rows(dispatched.duplicates())));
        }
        yield work(batchId, dispatched.run(), 0, watch);
      }
      case TriggerResult.AlreadyDispatched(long run, RunState state) ->
          state.open() ? goOn(batchId, run, watch) : alreadyOver(run, state);
      case TriggerResult.Skipped(long run, String message) ->
          throw new CommandProblem(
              ExitCode.SKIPPED, "Run %d was skipped: %s.".formatted(run, message));
      case TriggerResult.Refused(long run, String message) ->
          throw new CommandProblem(ExitCode.WRONG, "Run %d failed: %s".formatted(run, message));
      case TriggerResult.Failed failed -> throw broke(failed);
      case TriggerResult.TryAgain(String message) ->
          throw new CommandProblem(ExitCode.TRY_AGAIN, message);
    };
  }

  private CommandProblem broke(TriggerResult.Failed failed) {
    return new CommandProblem(
        ExitCode.OTHER, FiredReport.broke(failed, plan.batch().name(), FiredReport.By.Occurrence));
  }

  /**
   * For a batch without a trigger: jobs of earlier days belong to the runs of their days. Returns
   * how many jobs of the runs that it shows need attention.
   */
  long workEnqueued() throws Exception {
    int batchId = local.enter();
    Stopwatch watch = new Stopwatch();
    Map<Long, Long> before =
        ofEnqueued().collect(Collectors.toUnmodifiableMap(RunRow::id, RunRow::ended));
    local.drain(batchId);
    List<RunRow> shown =
        ofEnqueued().filter(run -> run.ended() > before.getOrDefault(run.id(), 0L)).toList();
    if (shown.isEmpty()) {
      LocalDate today = LocalDate.now(plan.timeZone());
      shown = ofEnqueued().filter(run -> run.logicalDate().equals(today)).limit(1).toList();
    }
    if (shown.isEmpty()) {
      screen.line(
          "The batch has no trigger, and nothing was enqueued: `./koyomi enqueue %s --key KEY --payload '{…}'`, then this again."
              .formatted(plan.batch().name()));
      return 0;
    }
    long dead = 0;
    for (RunRow run : shown.reversed()) {
      dead += print(run, before.getOrDefault(run.id(), 0L), watch);
    }
    sayWhatIsStopped();
    return dead;
  }

  /** Newest first. */
  private Stream<RunRow> ofEnqueued() {
    return history.runs(Optional.of(plan.batch().toString()), LOOKED_AT).stream()
        .filter(RunRow::ofEnqueued);
  }

  /** A run that was left behind would have the new one skipped for good. */
  private void finishOthers(int batchId, Fired fired) throws Exception {
    for (RunRow run : history.runs(Optional.of(plan.batch().toString()), LOOKED_AT)) {
      if (!run.open() || run.ofEnqueued() || isOf(run, fired)) {
        continue;
      }
      screen.line(
          "Run %d for %s is not over yet: it goes first.".formatted(run.id(), run.logicalDate()));
      if (run.state().equals(RunState.Selecting.name())) {
        selectFor(run);
      }
      local.drain(batchId);
    }
  }

  /**
   * Whose selection died or broke: as long as it has none, nothing of the batch comes to an end.
   */
  private void selectFor(RunRow run) throws Exception {
    Fired fired =
        run.request().isEmpty()
            ? new Fired.SlotByPerson(run.occurrence())
            : new Fired.Request(run.request(), run.occurrence());
    switch (local.fire(fired)) {
      case TriggerResult.Failed failed -> throw broke(failed);
      case TriggerResult.TryAgain(String message) ->
          throw new CommandProblem(ExitCode.TRY_AGAIN, message);
      case TriggerResult.Refused(long id, String message) ->
          screen.line("Run %d failed: %s".formatted(id, message));
      case TriggerResult.Dispatched _,
          TriggerResult.AlreadyDispatched _,
          TriggerResult.Skipped _ -> {}
    }
  }

  private static boolean isOf(RunRow run, Fired fired) {
    return switch (fired) {
      case Fired.Slot(Instant occurrence, String _) -> isSlot(run, occurrence);
      case Fired.SlotByPerson(Instant occurrence) -> isSlot(run, occurrence);
      case Fired.Request(String request, Instant _) -> run.request().equals(request);
    };
  }

  private static boolean isSlot(RunRow run, Instant occurrence) {
    return run.request().isEmpty() && run.occurrence().equals(occurrence);
  }

  private long goOn(int batchId, long id, Stopwatch watch) throws Exception {
    long before = run(id).ended();
    screen.line("Run %d was left unfinished: going on.".formatted(id));
    return work(batchId, id, before, watch);
  }

  private long work(int batchId, long id, long before, Stopwatch watch) throws Exception {
    local.drain(batchId);
    return report(run(id), before, watch);
  }

  private long report(RunRow run, long before, Stopwatch watch) {
    long dead = print(run, before, watch);
    sayWhatIsStopped();
    return dead;
  }

  private long print(RunRow run, long before, Stopwatch watch) {
    return new RunReport(screen, history)
        .print(run, Optional.of(new RunReport.Done(run.ended() - before, watch.elapsed())), fix);
  }

  private void sayWhatIsStopped() {
    List<HeldLane> lanes = backlog.stoppedLanes(plan.batch().toString());
    if (!lanes.isEmpty()) {
      screen.line();
      screen.line(
          "%s, with %s behind: `./koyomi queue show %s` says what helps."
              .formatted(
                  lanes.size() == 1
                      ? "A lane is stopped by the job of key " + lanes.getFirst().key()
                      : Shown.count(lanes.size()) + " lanes are stopped by jobs",
                  Shown.jobs(lanes.stream().mapToLong(HeldLane::waiting).sum()),
                  plan.batch().name()));
    }
  }

  private long alreadyOver(long id, RunState state) {
    RunRow run = run(id);
    screen.line(
        "%s%s. Nothing was changed."
            .formatted(
                FiredReport.before(id, state),
                run.message() == null ? "" : " (" + run.message() + ")"));
    return new RunReport(screen, history).print(run, Optional.empty(), fix);
  }

  private RunRow run(long id) {
    return history.run(id).orElseThrow();
  }

  private String shown(Fired fired) {
    return switch (fired) {
      case Fired.Slot(Instant occurrence, String _) -> slot(occurrence);
      case Fired.SlotByPerson(Instant occurrence) -> slot(occurrence);
      case Fired.Request(String _, Instant occurrence) ->
          "a run for %s, a day without a slot"
              .formatted(occurrence.atZone(plan.timeZone()).toLocalDate());
    };
  }

  private String slot(Instant occurrence) {
    return SLOT.format(occurrence.atZone(plan.timeZone()));
  }
}
