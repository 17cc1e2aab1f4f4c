package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.trigger.TriggerRun;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Trigger and workers of one batch in this process, on the local database. */
final class LocalRun {
  /** Beside the slots: heartbeat, trigger, progress. */
  static final int MORE_CONNECTIONS = 4;

  private final Surroundings surroundings;
  private final Database database;
  private final Optional<Database> selectedFrom;
  private final Planned.Valid batch;
  private final Stop stop;
  private final History history;

  /**
   * @param selectedFrom the database of the trigger, where it is not this one
   */
  LocalRun(
      Surroundings surroundings,
      Database database,
      Optional<Database> selectedFrom,
      Planned.Valid batch,
      Stop stop) {
    this.surroundings = surroundings;
    this.database = database;
    this.selectedFrom = selectedFrom;
    this.batch = batch;
    this.stop = stop;
    this.history = new History(database.jdbi());
  }

  /** Who was killed is known to be gone at once; a {@code work} beside this goes on. */
  int enter() {
    new Workers(database.jdbi()).declareGoneLost();
    Batches batches = new Batches(database.jdbi());
    String name = batch.plan().batch().toString();
    batches.register(name, "local-" + batch.definition().revision(), 0, batch.definition().json());
    return batches.find(name).orElseThrow().id();
  }

  /** Fires and shows that the selection goes on. */
  TriggerResult fire(Fired fired) throws Exception {
    TriggerRun trigger =
        new TriggerRun(
            database,
            selectedFrom,
            batch.plan(),
            batch.definition().revision(),
            surroundings.pod(),
            TriggerRun.Pause.real(),
            _ -> Optional.empty());
    return showing(0, () -> trigger.fire(fired));
  }

  /** Works until nothing is left to do or to wait for, and shows how far the newest run is. */
  void drain(int batchId) throws Exception {
    long before = open().map(RunRow::ended).orElse(0L);
    WorkerProcess worker =
        new WorkerProcess(
            database,
            batch.plan(),
            batchId,
            WorkerProcess.Settings.usual(surroundings.pod(), EndRule.Drained),
            System::nanoTime);
    stop.closeAtStop(worker);
    worker.start();
    boolean ended = showing(before, worker::awaitEnd);
    stop.yieldTo();
    if (!ended) {
      throw new CommandProblem(
          ExitCode.OTHER,
          "A Unit hangs and cannot be ended. Call this again: its job goes back to the queue.");
    }
    worker.close();
  }

  private <T> T showing(long before, Callable<T> work) throws Exception {
    Stopwatch watch = new Stopwatch();
    FutureTask<T> task = new FutureTask<>(work);
    Thread.ofPlatform().daemon().name("work").start(task);
    try (ProgressLine line = new ProgressLine(surroundings.screen())) {
      while (true) {
        try {
          return task.get(ProgressLine.LOOK.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException notYet) {
          open()
              .ifPresent(run -> line.show(new Progress(run, before, watch.elapsed(), retry(run))));
        }
      }
    } catch (ExecutionException failed) {
      throw failed.getCause() instanceof Exception cause ? cause : failed;
    }
  }

  private String retry(RunRow run) {
    return run.retrying() == 0
        ? ""
        : history
            .nextAttempt(run.id())
            .map(
                next ->
                    "next attempt at %s (%s)"
                        .formatted(Shown.time(next.at(), surroundings.zone()), next.message()))
            .orElse("");
  }

  private Optional<RunRow> open() {
    return history.runs(Optional.of(batch.plan().batch().toString()), 1).stream()
        .filter(RunRow::open)
        .findFirst();
  }
}
