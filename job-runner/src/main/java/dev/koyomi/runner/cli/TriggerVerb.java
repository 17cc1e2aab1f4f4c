package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Installation;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerRun;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.LocalDate;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "trigger",
    description = "Selects the targets of one occurrence and enqueues them: all or none, once.",
    footer = {
      "",
      "In a Kubernetes Job the occurrence comes from the Job's name (KOYOMI_JOB_NAME); elsewhere"
          + " it is the first slot of --date, or the newest slot that has passed."
    })
final class TriggerVerb implements Callable<Integer> {
  private static final int CONNECTIONS = 4;

  private final Surroundings surroundings;

  @Option(
      names = "--definition",
      required = true,
      paramLabel = "FILE",
      description = "Definition of the batch: the operator's JSON, or a manifest.")
  private Path definition = Path.of("");

  @Option(
      names = "--cron-job",
      paramLabel = "NAME",
      description = "CronJob that fired; KOYOMI_JOB_NAME is its Job then.")
  private @Nullable String cronJob;

  @Option(
      names = "--date",
      paramLabel = "DATE",
      description = "Day of the occurrence in the batch's time zone, such as 2026-11-01.")
  private @Nullable LocalDate date;

  @Mixin private DatabaseOption option = new DatabaseOption();

  @Mixin private TriggerDatabaseOption source = new TriggerDatabaseOption();

  TriggerVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Integer call() throws SQLException, InterruptedException {
    Planned.Valid valid = ManifestFile.one(definition);
    Duration timeout = ManifestFile.trigger(valid.plan()).timeout();
    Fired fired = fired(valid);
    String purpose = "koyomi trigger %s".formatted(valid.plan().batch());
    Optional<Database> selectedFrom = source.open(surroundings, valid.plan(), purpose);
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database =
            Database.pooled(
                opened.address(), purpose, CONNECTIONS, surroundings.patience(), timeout)) {
      if (cronJob == null) {
        QueueSchema.require(database);
        requireOwn(database);
        registerUnknown(new Batches(database.jdbi()), valid);
      }
      TriggerRun trigger =
          new TriggerRun(
              database,
              selectedFrom,
              valid.plan(),
              valid.definition().revision(),
              surroundings.pod(),
              TriggerRun.Pause.real(),
              Installation.of(surroundings.environment())::refusal);
      return FiredReport.print(
          surroundings.screen(), trigger.fire(fired), valid.plan().batch().name(), firedBy());
    }
  }

  private FiredReport.By firedBy() {
    if (cronJob != null) {
      return FiredReport.By.Clock;
    }
    // Without a date it is that of the newest time that has passed, which may be another next time.
    return date == null ? FiredReport.By.Request : FiredReport.By.Occurrence;
  }

  private Fired fired(Planned.Valid valid) {
    if (cronJob == null) {
      return Occurrence.choose(
              valid.plan(), Optional.ofNullable(date), surroundings.clock().instant())
          .orElseThrow(
              () ->
                  new CommandProblem(
                      ExitCode.WRONG, "The batch has no schedule: say which day, with --date."));
    }
    String job = surroundings.environment().getOrDefault("KOYOMI_JOB_NAME", "");
    if (job.isEmpty()) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "KOYOMI_JOB_NAME is missing: with --cron-job it must hold the name of the Job.");
    }
    String namespace =
        surroundings
            .environment()
            .getOrDefault("KOYOMI_NAMESPACE", valid.plan().batch().namespace());
    return Fired.byJob(namespace, cronJob, job, surroundings.clock().instant());
  }

  /** Before it is made known to a queue that is another installation's. */
  private void requireOwn(Database database) throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      Installation.of(surroundings.environment())
          .refusal(connection)
          .ifPresent(
              sentence -> {
                throw new CommandProblem(ExitCode.TRY_AGAIN, sentence);
              });
    }
  }

  /** Where an operator has registered the batch, its word stays. */
  private static void registerUnknown(Batches batches, Planned.Valid valid) {
    String name = valid.plan().batch().toString();
    if (batches.find(name).isEmpty()) {
      batches.register(name, "file", 0, valid.definition().json());
    }
  }
}
