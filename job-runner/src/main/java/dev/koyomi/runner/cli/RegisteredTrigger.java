package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.history.Backlog;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.trigger.Rehearsed;
import dev.koyomi.runner.trigger.TriggerRun;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/** The trigger of a batch as the database knows it, ready to select. */
final class RegisteredTrigger implements AutoCloseable {
  private static final int CONNECTIONS = 4;

  private final DatabaseOption.Opened opened;
  private final Database database;
  private final Plan plan;
  private final TriggerRun trigger;

  private RegisteredTrigger(
      DatabaseOption.Opened opened, Database database, Plan plan, TriggerRun trigger) {
    this.opened = opened;
    this.database = database;
    this.plan = plan;
    this.trigger = trigger;
  }

  static RegisteredTrigger open(
      Surroundings surroundings,
      DatabaseOption queue,
      TriggerDatabaseOption source,
      String name,
      String purpose)
      throws SQLException {
    DatabaseOption.Opened opened = queue.open(surroundings, LocalPostgres.Options.shared());
    try {
      Planned.Valid batch = registered(opened, name, purpose);
      Plan plan = batch.plan();
      Optional<Database> selectedFrom = source.open(surroundings, plan, "koyomi " + purpose);
      Database database =
          Database.pooled(
              opened.address(),
              "koyomi " + purpose,
              CONNECTIONS,
              surroundings.patience(),
              ManifestFile.trigger(plan).timeout());
      TriggerRun trigger =
          new TriggerRun(
              database,
              selectedFrom,
              plan,
              batch.definition().revision(),
              surroundings.pod(),
              TriggerRun.Pause.real(),
              _ -> Optional.empty());
      return new RegisteredTrigger(opened, database, plan, trigger);
    } catch (SQLException | RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  private static Planned.Valid registered(DatabaseOption.Opened opened, String name, String purpose)
      throws SQLException {
    try (Database database = opened.queue(purpose)) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      return ManifestFile.registered(batch.name(), batch.definition());
    }
  }

  Plan plan() {
    return plan;
  }

  TriggerRun trigger() {
    return trigger;
  }

  Database database() {
    return database;
  }

  History history() {
    return new History(database.jdbi());
  }

  /** On the local database nobody starts workers by himself. */
  void sayWhenNobodyWorks(Screen screen) {
    if (opened.local().isPresent()
        && new Backlog(database.jdbi()).situation(plan.batch().toString()).workers() == 0) {
      screen.line(
          "No worker is here: `./koyomi dev PATH`, with the batch's manifest, works what waits.");
    }
  }

  /** What was found; what would be refused ends the command. */
  static Rehearsed.Targets targets(Rehearsed rehearsed) {
    return switch (rehearsed) {
      case Rehearsed.Targets targets -> targets;
      case Rehearsed.Refused(String message) -> throw new CommandProblem(ExitCode.WRONG, message);
      case Rehearsed.Failed(String message) -> throw new CommandProblem(ExitCode.OTHER, message);
    };
  }

  /** {@code 9,700 targets, such as 1, 2, 3}. */
  static String shown(long selected, List<String> sample) {
    String targets = selected == 1 ? "1 target" : Shown.count(selected) + " targets";
    return sample.isEmpty()
        ? targets
        : "%s%s %s"
            .formatted(
                targets, selected == sample.size() ? ":" : ", such as", String.join(", ", sample));
  }

  @Override
  public void close() {
    database.close();
    opened.close();
  }
}
