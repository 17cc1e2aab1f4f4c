package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.DeadJobs;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jdbi.v3.core.JdbiException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "retry",
    description = "Gives jobs that need attention a new set of attempts; no other job runs again.",
    footer = {
      "",
      "The workers of that database take them. On the local database of `dev`, which has none,"
          + " this command works them itself."
    })
final class FailedRetryVerb implements Callable<Integer> {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Surroundings surroundings;
  private final Screen screen;

  @Mixin private FailedVerb.Choice choice = new FailedVerb.Choice();
  @Mixin private DatabaseOption option = new DatabaseOption();

  FailedRetryVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws Exception {
    if (!choice.hasName()) {
      throw new CommandProblem(ExitCode.WRONG, "Say of which batch: failed retry NAME.");
    }
    try (var opened = option.open(surroundings, new LocalPostgres.Options(false, true, Map.of()));
        Database database = Database.direct(opened.address(), "koyomi failed retry");
        Stop stop = Stop.install()) {
      History.Filter filter = choice.filter(database);
      List<RunRow> runs = new History(database.jdbi()).runsInNeed(filter);
      if (runs.isEmpty()) {
        screen.line(choice.nothing());
        return ExitCode.DONE;
      }
      if (opened.local().isEmpty()) {
        return putBack(database, runs, filter);
      }
      opened.local().ifPresent(stop::closeAtStop);
      try {
        return work(opened, stop, runs, filter);
      } finally {
        stop.yieldTo();
      }
    }
  }

  private int putBack(Database database, List<RunRow> runs, History.Filter filter) {
    List<String> refusals = new ArrayList<>();
    for (RunRow run : runs) {
      try {
        int jobs = new DeadJobs(database.jdbi()).retry(run.id(), filter.keys());
        if (jobs > 0) {
          screen.line(
              "%s of run %d (%s) %s for a worker."
                  .formatted(
                      Shown.jobs(jobs), run.id(), run.logicalDate(), jobs == 1 ? "waits" : "wait"));
        }
      } catch (JdbiException refused) {
        refusals.add(refusal(refused));
      }
    }
    if (!refusals.isEmpty()) {
      throw new CommandProblem(ExitCode.OTHER, refusals);
    }
    return ExitCode.DONE;
  }

  private int work(
      DatabaseOption.Opened opened, Stop stop, List<RunRow> runs, History.Filter filter)
      throws Exception {
    Planned.Valid batch;
    try (Database database = Database.direct(opened.address(), "koyomi failed retry")) {
      batch = registered(database, runs.getFirst().batch());
    }
    try (Database database =
        Database.pooled(
            opened.address(),
            "koyomi failed retry",
            batch.plan().workers().concurrency() + LocalRun.MORE_CONNECTIONS,
            PATIENCE,
            batch.plan().unit().timeout())) {
      stop.closeAtStop(database);
      History history = new History(database.jdbi());
      LocalRun local = new LocalRun(surroundings, database, batch, stop);
      int batchId = local.enter();
      for (RunRow run : runs) {
        Stopwatch watch = new Stopwatch();
        int jobs = retry(database, run, filter);
        if (jobs > 0) {
          screen.line(
              "Working %s of run %d (%s) again."
                  .formatted(Shown.jobs(jobs), run.id(), run.logicalDate()));
          local.drain(batchId);
          new RunReport(screen, history)
              .print(
                  history.run(run.id()).orElseThrow(),
                  Optional.of(new RunReport.Done(jobs, watch.elapsed())),
                  Optional.empty());
        }
      }
    }
    return ExitCode.DONE;
  }

  private static int retry(Database database, RunRow run, History.Filter filter) {
    try {
      return new DeadJobs(database.jdbi()).retry(run.id(), filter.keys());
    } catch (JdbiException refused) {
      throw new CommandProblem(ExitCode.OTHER, refusal(refused));
    }
  }

  /** What the queue says when it refuses; everything else is not meant for this place. */
  private static String refusal(JdbiException thrown) {
    return Fault.of(thrown)
        .filter(Fault.Other.class::isInstance)
        .map(Fault::sentence)
        .orElseThrow(() -> thrown);
  }

  private static Planned.Valid registered(Database database, String batch) {
    String definition = new Batches(database.jdbi()).find(batch).orElseThrow().definition();
    return ManifestFile.registered(batch, definition);
  }
}
