package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.dev.BatchFolder;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.dev.SqlFile;
import dev.koyomi.runner.trigger.Fired;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "dev",
    description = {
      "Runs one occurrence of a batch here, on a PostgreSQL of its own.",
      "",
      "Applies schema.sql and data.sql that lie beside the manifest, fires, works, and shows how it"
          + " ended. Called again after whatever end, it goes on; an occurrence that is over is not"
          + " run twice. Of a batch without a trigger it works what was enqueued."
    },
    footer = {"", "Example: ./koyomi dev examples/billing --date 2026-11-01"})
final class DevVerb implements Callable<Integer> {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Surroundings surroundings;
  private final Screen screen;

  @Parameters(
      arity = "0..1",
      paramLabel = "PATH",
      description = "A manifest, or a folder with one.")
  private @Nullable Path path;

  @Option(
      names = "--date",
      paramLabel = "DATE",
      description =
          "Day of the occurrence in the batch's time zone, such as 2026-11-01: its first slot, or"
              + " a requested run when it has none. Default: the newest slot that has passed.")
  private @Nullable LocalDate date;

  @Option(names = "--fresh", description = "Throw away the local database first.")
  private boolean fresh;

  @Option(names = "--strict", description = "Exit code 4 when jobs need attention.")
  private boolean strict;

  @Mixin private TriggerDatabaseOption source = new TriggerDatabaseOption();

  DevVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
    this.screen = surroundings.screen();
  }

  static CommandLine commandLine(Surroundings surroundings) {
    return new CommandLine(new DevVerb(surroundings)).addSubcommand(new DevSqlVerb(surroundings));
  }

  @Override
  public Integer call() throws Exception {
    BatchFolder folder = folder();
    Planned.Valid batch = ManifestFile.one(folder.manifest());
    Optional<Fired> fired =
        batch.plan().trigger() == null && date == null
            ? Optional.empty()
            : Optional.of(occurrence(batch.plan()));
    Duration longest =
        fired.isEmpty()
            ? batch.plan().unit().timeout()
            : Collections.max(
                List.of(
                    ManifestFile.trigger(batch.plan()).timeout(), batch.plan().unit().timeout()));
    Optional<Database> selectedFrom =
        fired.isEmpty() ? Optional.empty() : source.open(surroundings, batch.plan(), "koyomi dev");
    LocalPostgres postgres =
        LocalPostgres.start(
            surroundings.folder(), new LocalPostgres.Options(fresh, true, Map.of()));
    try (postgres;
        Database database =
            Database.pooled(
                postgres.address(),
                "koyomi dev",
                batch.plan().workers().concurrency() + LocalRun.MORE_CONNECTIONS,
                PATIENCE,
                longest);
        Stop stop = Stop.install()) {
      stop.closeAtStop(postgres);
      stop.closeAtStop(database);
      try {
        prepare(postgres, database, folder, batch);
        LocalRun run = new LocalRun(surroundings, database, selectedFrom, batch, stop);
        DevRun dev = new DevRun(screen, run, batch.plan(), database.jdbi(), folder.fix());
        long dead = fired.isEmpty() ? dev.workEnqueued() : dev.go(fired.get());
        return strict && dead > 0 ? ExitCode.NEEDS_ATTENTION : ExitCode.DONE;
      } finally {
        stop.yieldTo();
      }
    }
  }

  private BatchFolder folder() throws IOException {
    if (path == null) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "Say which batch: a manifest or a folder with one, such as examples/billing.");
    }
    return switch (BatchFolder.find(path)) {
      case BatchFolder.Found.Batch(BatchFolder folder) -> folder;
      case BatchFolder.Found.Nothing() ->
          throw new CommandProblem(ExitCode.WRONG, "There is no %s.".formatted(path));
      case BatchFolder.Found.NotOne(List<Path> manifests) ->
          throw new CommandProblem(
              ExitCode.WRONG,
              manifests.isEmpty()
                  ? "There is no manifest (*.yaml) in %s.".formatted(path)
                  : "There is more than one manifest in %s; give one of them: %s."
                      .formatted(
                          path,
                          manifests.stream()
                              .map(Path::toString)
                              .collect(Collectors.joining(", "))));
    };
  }

  private Fired occurrence(Plan plan) {
    return Occurrence.choose(plan, Optional.ofNullable(date), surroundings.clock().instant())
        .orElseThrow(
            () ->
                new CommandProblem(
                    ExitCode.WRONG, "The batch has no schedule: say which day, with --date."));
  }

  private void prepare(
      LocalPostgres postgres, Database database, BatchFolder folder, Planned.Valid batch)
      throws IOException, SQLException {
    screen.line(
        postgres.elsewhere()
            ? "Local database in %s, as PostgreSQL's user does not get into %s."
                .formatted(postgres.folder(), surroundings.folder().toAbsolutePath())
            : "Local database in %s.".formatted(fromHere(surroundings.folder())));
    List<String> applied = new ArrayList<>();
    try (Connection connection = database.dataSource().getConnection()) {
      for (Path file : folder.sql()) {
        if (runOnce(connection, file)) {
          applied.add(file.toString());
        }
      }
    }
    if (!applied.isEmpty()) {
      screen.line("Applied %s.".formatted(String.join(" and ", applied)));
    }
    screen.line(
        "%s is valid, revision %s.".formatted(batch.plan().batch(), batch.definition().revision()));
    Migration.Outcome migrated = MigrateVerb.migration(screen, database).run();
    if (!(migrated instanceof Migration.Outcome.UpToDate)) {
      screen.line(MigrateVerb.done(migrated));
    }
  }

  private static boolean runOnce(Connection connection, Path file) {
    try {
      return new SqlFile(file, TextFile.read(file)).runOnce(connection);
    } catch (SQLException failed) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "%s: %s Nothing of it was kept. A file that was changed is run again as a whole: mend it, or begin with an empty database, with --fresh."
              .formatted(file, Fault.of(failed).map(Fault::sentence).orElse(failed.toString())));
    }
  }

  /** As a person would type it. */
  private static Path fromHere(Path folder) {
    Path here = Path.of("").toAbsolutePath();
    return folder.startsWith(here) ? here.relativize(folder) : folder;
  }
}
