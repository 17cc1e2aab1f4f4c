package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Installation;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "work",
    description = "Works the jobs of one batch until it is told to stop.",
    footer = {
      "",
      "Without --once and --drain it ends at SIGTERM, or when spec.workers.recycle asks for a fresh"
          + " process.",
      "A stop takes no more jobs and lets running ones end within spec.workers.stopWithin. In a"
          + " pod (KOYOMI_POD) it answers /livez and /readyz on port 8080."
    })
final class WorkVerb implements Callable<Integer> {
  private static final int PROBE_PORT = 8080;

  /** Beside the slots: heartbeat, and the look at what is left. */
  private static final int MORE_CONNECTIONS = 2;

  private final Surroundings surroundings;

  @Option(
      names = "--definition",
      required = true,
      paramLabel = "FILE",
      description = "Definition of the batch: the operator's JSON, or a manifest.")
  private Path definition = Path.of("");

  @ArgGroup private @Nullable Until until;

  @Mixin private DatabaseOption option = new DatabaseOption();

  /** Exactly one of the two is given, or the whole group is absent. */
  static final class Until {
    @Option(names = "--once", description = "End when nothing is due now.")
    private boolean once;

    @Option(
        names = "--drain",
        description =
            "End when no job is left to do. Waits for retries, and for a paused batch to be"
                + " resumed; not for jobs that were enqueued for later or are behind a stopped"
                + " lane. Exit code 4 when jobs of the runs that were open need attention.")
    private boolean drain;
  }

  WorkVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  private EndRule endRule() {
    if (until == null) {
      return EndRule.Stopped;
    }
    return until.drain ? EndRule.Drained : until.once ? EndRule.Once : EndRule.Stopped;
  }

  @Override
  public Integer call() throws Exception {
    Plan plan = ManifestFile.one(definition).plan();
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database =
            Database.pooled(
                opened.address(),
                "koyomi work %s".formatted(plan.batch()),
                plan.workers().concurrency() + MORE_CONNECTIONS,
                surroundings.patience(),
                plan.unit().timeout());
        Stop stop = Stop.install()) {
      opened.local().ifPresent(stop::closeAtStop);
      stop.closeAtStop(database);
      return work(plan, database, stop);
    }
  }

  private int work(Plan plan, Database database, Stop stop) throws Exception {
    AtomicReference<Optional<WorkerProcess>> started = new AtomicReference<>(Optional.empty());
    try (Probes _ = surroundings.inPod() ? probes(started) : null) {
      QueueEntrance entrance =
          new QueueEntrance(
              database, plan.batch(), Installation.of(surroundings.environment()), stop);
      int batchId = endRule() == EndRule.Stopped ? entrance.await() : entrance.now();
      Optional<OpenRuns> before =
          endRule() == EndRule.Drained
              ? Optional.of(OpenRuns.of(database, plan.batch()))
              : Optional.empty();
      WorkerProcess worker =
          new WorkerProcess(
              database,
              plan,
              batchId,
              WorkerProcess.Settings.usual(surroundings.pod(), endRule()),
              System::nanoTime);
      stop.closeAtStop(worker);
      worker.start();
      started.set(Optional.of(worker));
      boolean ended = worker.awaitEnd();
      stop.yieldTo();
      if (!ended) {
        throw new CommandProblem(
            ExitCode.OTHER,
            "A Unit hangs and cannot be ended; this process ends, and its job is tried elsewhere.");
      }
      worker.close();
      return before.map(runs -> runs.deadSince(database) > 0).orElse(false)
          ? ExitCode.NEEDS_ATTENTION
          : ExitCode.DONE;
    }
  }

  private static Probes probes(AtomicReference<Optional<WorkerProcess>> worker) throws IOException {
    return Probes.start(
        PROBE_PORT,
        () -> worker.get().map(WorkerProcess::moving).orElse(true),
        () -> worker.get().isPresent());
  }
}
