package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Limits;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.settings.DatabaseSettings;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --trigger-database}, and what stands in for it. */
final class TriggerDatabaseOption {
  private static final DatabaseSettings.Purpose PURPOSE = DatabaseSettings.Purpose.TRIGGER;

  @Option(
      names = "--trigger-database",
      paramLabel = "URL",
      description =
          "PostgreSQL URL of the database that spec.trigger.database names. Default: the"
              + " environment (KOYOMI_TRIGGER_DATABASE_URI, or _HOST, _PORT, _NAME; _USERNAME,"
              + " _PASSWORD).")
  private @Nullable String url;

  /** The database that the trigger's query runs in, where it is not the queue's own. */
  Optional<Database> open(Surroundings surroundings, Plan plan, String purpose) {
    @Nullable String secret = ManifestFile.trigger(plan).databaseSecret();
    if (secret == null) {
      if (url != null) {
        throw new CommandProblem(
            ExitCode.WRONG,
            "The batch %s names no database of its trigger (spec.trigger.database): leave --trigger-database out."
                .formatted(plan.batch()));
      }
      return Optional.empty();
    }
    return switch (DatabaseSettings.of(
        PURPOSE, Optional.ofNullable(url), surroundings.environment())) {
      case DatabaseSettings.Given(DatabaseAddress address) ->
          Optional.of(
              Database.direct(address, purpose, Limits.of(ManifestFile.trigger(plan).timeout())));
      case DatabaseSettings.Unusable(var problems) ->
          throw new CommandProblem(url == null ? ExitCode.TRY_AGAIN : ExitCode.WRONG, problems);
      case DatabaseSettings.NotGiven() ->
          throw new CommandProblem(
              ExitCode.TRY_AGAIN,
              "The trigger of %s selects from a database of its own (spec.trigger.database, Secret %s): write --trigger-database URL, or set %s (key jdbc-uri of the Secret), or %s, %s, %s and %s (keys host, dbname, username and password)."
                  .formatted(
                      plan.batch(),
                      secret,
                      PURPOSE.variable(DatabaseSettings.URI),
                      PURPOSE.variable(DatabaseSettings.HOST),
                      PURPOSE.variable(DatabaseSettings.NAME),
                      PURPOSE.variable(DatabaseSettings.USERNAME),
                      PURPOSE.variable(DatabaseSettings.PASSWORD)));
    };
  }
}
