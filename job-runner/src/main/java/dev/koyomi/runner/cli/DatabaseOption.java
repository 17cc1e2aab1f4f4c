package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.settings.DatabaseSettings;
import java.sql.SQLException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --database}, and what stands in for it. */
final class DatabaseOption {
  @Option(
      names = "--database",
      paramLabel = "URL",
      description =
          "PostgreSQL URL, such as postgresql://USER@HOST:5432/NAME. Default: the environment"
              + " (KOYOMI_DATABASE_URI, or _HOST, _PORT, _NAME; _USERNAME, _PASSWORD), else the"
              + " local database of `dev`.")
  private @Nullable String url;

  /** An address, and the local server behind it where there is one. */
  record Opened(DatabaseAddress address, Optional<LocalPostgres> local) implements AutoCloseable {
    /**
     * The queue for a command of a few statements; a schema that this release does not know ends
     * the command.
     *
     * @param verb as it is typed
     */
    Database queue(String verb) throws SQLException {
      Database database = Database.direct(address, "koyomi " + verb);
      QueueSchema.require(database);
      return database;
    }

    @Override
    public void close() {
      local.ifPresent(LocalPostgres::close);
    }
  }

  /**
   * @param local how the local server is wanted where it comes to that
   */
  Opened open(Surroundings surroundings, LocalPostgres.Options local) {
    return switch (DatabaseSettings.of(
        DatabaseSettings.Purpose.QUEUE, Optional.ofNullable(url), surroundings.environment())) {
      case DatabaseSettings.Given(DatabaseAddress address) -> new Opened(address, Optional.empty());
      case DatabaseSettings.Unusable(var problems) ->
          throw new CommandProblem(url == null ? ExitCode.TRY_AGAIN : ExitCode.WRONG, problems);
      case DatabaseSettings.NotGiven() -> openLocal(surroundings, local);
    };
  }

  private static Opened openLocal(Surroundings surroundings, LocalPostgres.Options options) {
    if (!LocalPostgres.exists(surroundings.folder())) {
      throw new CommandProblem(
          ExitCode.TRY_AGAIN,
          "No database is given and there is no local one: write --database URL, set %s (key jdbc-uri of the Secret) or %s, %s, %s and %s (keys host, dbname, username and password), or make the local one with `./koyomi dev examples/billing`."
              .formatted(
                  variable(DatabaseSettings.URI),
                  variable(DatabaseSettings.HOST),
                  variable(DatabaseSettings.NAME),
                  variable(DatabaseSettings.USERNAME),
                  variable(DatabaseSettings.PASSWORD)));
    }
    LocalPostgres postgres = LocalPostgres.start(surroundings.folder(), options);
    return new Opened(postgres.address(), Optional.of(postgres));
  }

  private static String variable(String part) {
    return DatabaseSettings.Purpose.QUEUE.variable(part);
  }
}
