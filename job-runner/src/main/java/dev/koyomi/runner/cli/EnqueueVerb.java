package dev.koyomi.runner.cli;

import dev.koyomi.crds.Durations;
import dev.koyomi.crds.sql.SqlText;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Words;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Enqueueing;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jdbi.v3.core.JdbiException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "enqueue",
    description = "Gives a batch one job more, as koyomi.enqueue() does, and prints its number.",
    footer = {
      "",
      "Example: koyomi enqueue resize-images --key 42 --payload '{\"imageId\": 42}' --unique"
          + " unfinished"
    })
final class EnqueueVerb implements Callable<Integer> {
  /** SQLSTATE class of values that a type cannot hold, such as a text with the character zero. */
  private static final String NO_VALUE = "22";

  /** SQLSTATE of a statement whose nesting is beyond the server's stack, max_stack_depth. */
  private static final String TOO_DEEP = "54001";

  private final Surroundings surroundings;

  @Parameters(paramLabel = "NAME", description = BatchArgument.MEANS)
  private String name = "";

  @Option(names = "--key", required = true, paramLabel = "KEY", description = "The target.")
  private String key = "";

  @Option(
      names = "--payload",
      paramLabel = "JSON",
      defaultValue = "{}",
      description =
          "What the Unit gets: a JSON object, @FILE with one, or - for the standard input. Default:"
              + " {}.")
  private String payload = "{}";

  @Option(
      names = "--run-at",
      paramLabel = "TIME",
      description = "Not before this time, such as 2026-11-01T09:00.")
  private @Nullable String runAt;

  @Option(
      names = "--expires-at",
      paramLabel = "TIME",
      description = "Not begun any more after this time.")
  private @Nullable String expiresAt;

  /** As a person types it. */
  enum Priority {
    high,
    normal,
    low
  }

  @Option(
      names = "--priority",
      paramLabel = "PRIORITY",
      description = "high, normal or low. Default: the batch's.")
  private @Nullable Priority priority;

  @Option(
      names = "--unique",
      paramLabel = "WHILE",
      description =
          "Not while another job of this key that was enqueued as unique waits (waiting), has not"
              + " ended (unfinished), or is younger than a time, such as 10m.")
  private @Nullable String unique;

  @Mixin private DatabaseOption option = new DatabaseOption();

  EnqueueVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  /** What {@code --unique} asks for; at most one of the two. */
  private record Uniqueness(@Nullable String scope, @Nullable Duration period) {}

  @Override
  public Integer call() throws SQLException {
    if (key.isBlank()) {
      throw new CommandProblem(ExitCode.WRONG, "--key is empty: say which target.");
    }
    JobPayload parsed = JobPayload.read(payload, surroundings.keyboard());
    @Nullable Instant from = time("--run-at", runAt);
    @Nullable Instant until = time("--expires-at", expiresAt);
    if (from != null && until != null && !from.isBefore(until)) {
      throw new CommandProblem(
          ExitCode.WRONG, "--expires-at must be later than --run-at: the job would never begin.");
    }
    Uniqueness uniqueness = uniqueness();
    try (var opened = option.open(surroundings, LocalPostgres.Options.shared());
        Database database = opened.queue("enqueue")) {
      Batches.Batch batch = BatchArgument.find(database.jdbi(), name);
      requireFit(batch, parsed);
      enqueue(
          database,
          new Enqueueing(
              batch.name(),
              key,
              parsed.text(),
              from,
              until,
              priority == null ? null : capital(priority.name()),
              uniqueness.scope(),
              uniqueness.period()));
      return ExitCode.DONE;
    }
  }

  private void enqueue(Database database, Enqueueing job) {
    String sentence;
    try {
      sentence =
          job.into(database.jdbi())
              .map(
                  number -> "Job %d: key %s of %s is enqueued.".formatted(number, key, job.batch()))
              .orElse(
                  "Key %s of %s is enqueued already: nothing was added."
                      .formatted(key, job.batch()));
    } catch (JdbiException refused) {
      if (refused.getCause() instanceof SQLException cause
          && TOO_DEEP.equals(cause.getSQLState())) {
        throw new CommandProblem(
            ExitCode.WRONG,
            "--payload is nested deeper than PostgreSQL reads: enqueue a reference to the data.");
      }
      if (refused.getCause() instanceof SQLException cause
          && cause.getSQLState() != null
          && (cause.getSQLState().startsWith(Enqueueing.WRONG)
              || cause.getSQLState().startsWith(NO_VALUE))) {
        throw new CommandProblem(
            ExitCode.WRONG,
            (cause.getSQLState().startsWith(NO_VALUE) ? "--payload: " : "") + Words.of(cause));
      }
      throw refused;
    }
    surroundings.screen().line(sentence);
  }

  private @Nullable Instant time(String where, @Nullable String text) {
    return text == null ? null : Moment.of(where, text, surroundings.zone());
  }

  private Uniqueness uniqueness() {
    if (unique == null) {
      return new Uniqueness(null, null);
    }
    String typed = unique.strip().toLowerCase(Locale.ROOT);
    if (List.of("waiting", "unfinished").contains(typed)) {
      return new Uniqueness(capital(typed), null);
    }
    Duration period =
        Durations.parse(typed)
            .filter(Duration::isPositive)
            .orElseThrow(
                () ->
                    new CommandProblem(
                        ExitCode.WRONG,
                        "--unique '%s' is none of waiting, unfinished and a time such as 10m."
                            .formatted(unique)));
    return new Uniqueness(null, period);
  }

  private static String capital(String word) {
    return word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1);
  }

  /** A job that lacks what its Unit needs would be set aside by the first worker. */
  private static void requireFit(Batches.Batch batch, JobPayload payload) {
    SqlText unit = ManifestFile.registered(batch.name(), batch.definition()).plan().unit().sql();
    List<String> missing =
        unit.needed().stream().filter(name -> !payload.members().has(name)).sorted().toList();
    if (!missing.isEmpty()) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "The Unit of %s %s, which the payload has not: add \"%s\" to it."
              .formatted(
                  batch.name(),
                  unit.usesJobs()
                      ? "reads \"%s\" of its jobs".formatted(String.join("\", \"", missing))
                      : "uses :" + String.join(", :", missing),
                  String.join("\", \"", missing)));
    }
  }
}
