package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Interventions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jdbi.v3.core.JdbiException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "retry",
    description = "Gives jobs that need attention a new set of attempts; no other job runs again.",
    footer = {
      "",
      "The workers of that database take them. On the local database of `dev` this command works"
          + " them itself."
    })
final class FailedRetryVerb implements Callable<Integer> {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Surroundings surroundings;
  private final Screen screen;

  @Mixin private FailedVerb.Scope scope = new FailedVerb.Scope();

  @Option(names = "--dry-run", description = "Only say how many jobs of which runs that would be.")
  private boolean dryRun;

  @Mixin private DatabaseOption option = new DatabaseOption();

  FailedRetryVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  @Override
  public Integer call() throws Exception {
    try (var opened = option.open(surroundings, new LocalPostgres.Options(false, true, Map.of()));
        Database database = opened.queue("failed retry");
        Stop stop = Stop.install()) {
      History.Filter filter = scope.filter(database, "retry");
      History history = new History(database.jdbi());
      List<RunRow> runs = history.runsInNeed(filter);
      if (runs.isEmpty()) {
        screen.line(scope.nothing());
        return ExitCode.DONE;
      }
      scope.sayMissing(screen, history, filter);
      if (dryRun) {
        return rehearse(database, runs, filter);
      }
      if (opened.local().isEmpty()) {
        return putBack(database, runs, filter);
      }
      opened.local().ifPresent(stop::closeAtStop);
      try {
        for (String batch : runs.stream().map(RunRow::batch).distinct().toList()) {
          work(
              opened,
              stop,
              runs.stream().filter(run -> run.batch().equals(batch)).toList(),
              filter);
        }
        return ExitCode.DONE;
      } finally {
        stop.yieldTo();
      }
    }
  }

  private int rehearse(Database database, List<RunRow> runs, History.Filter filter) {
    List<String> refusals = new ArrayList<>();
    List<RunRow> taken = new ArrayList<>();
    Table byRun = FailedVerb.byRun();
    int all = 0;
    for (RunRow run : runs) {
      try {
        int jobs =
            Interventions.rehearsed(
                database.jdbi(), asked -> asked.retry(FailedVerb.of(run, filter)));
        byRun = FailedVerb.with(byRun, run, jobs);
        taken.add(run);
        all += jobs;
      } catch (JdbiException refused) {
        refusals.add(refusal(refused));
      }
    }
    if (!taken.isEmpty()) {
      byRun.print(screen);
      screen.line();
    }
    screen.line("%s would be retried. Nothing was changed.".formatted(Shown.jobs(all)));
    return ended(database, taken, refusals);
  }

  private int putBack(Database database, List<RunRow> runs, History.Filter filter) {
    List<String> refusals = new ArrayList<>();
    List<RunRow> taken = new ArrayList<>();
    for (RunRow run : runs) {
      try {
        int jobs = retry(database, run, filter);
        if (jobs > 0) {
          screen.line(
              "%s of run %d (%s) %s for a worker."
                  .formatted(
                      Shown.jobs(jobs), run.id(), run.logicalDate(), jobs == 1 ? "waits" : "wait"));
          taken.add(run);
        }
      } catch (JdbiException refused) {
        refusals.add(refusal(refused));
      }
    }
    return ended(database, taken, refusals);
  }

  private int ended(Database database, List<RunRow> taken, List<String> refusals) {
    FailedVerb.sayWhenOutOfOrder(screen, database, taken);
    if (!refusals.isEmpty()) {
      throw new CommandProblem(ExitCode.OTHER, refusals);
    }
    return ExitCode.DONE;
  }

  private void work(
      DatabaseOption.Opened opened, Stop stop, List<RunRow> runs, History.Filter filter)
      throws Exception {
    Planned.Valid batch;
    try (Database database = opened.queue("failed retry")) {
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
      LocalRun local = new LocalRun(surroundings, database, Optional.empty(), batch, stop);
      int batchId = local.enter();
      FailedVerb.sayWhenOutOfOrder(screen, database, runs);
      for (RunRow run : runs) {
        Stopwatch watch = new Stopwatch();
        int jobs = retryOrEnd(database, run, filter);
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
  }

  private static int retryOrEnd(Database database, RunRow run, History.Filter filter) {
    try {
      return retry(database, run, filter);
    } catch (JdbiException refused) {
      throw new CommandProblem(ExitCode.OTHER, refusal(refused));
    }
  }

  private static int retry(Database database, RunRow run, History.Filter filter) {
    return Interventions.done(database.jdbi(), asked -> asked.retry(FailedVerb.of(run, filter)));
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
