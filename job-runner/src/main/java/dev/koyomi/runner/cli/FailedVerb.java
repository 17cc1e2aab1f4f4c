package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Interventions;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "failed",
    synopsisSubcommandLabel = "(list | show | retry | discard)",
    description = "Jobs that need attention: what they are, why, once more, or never again.")
final class FailedVerb implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  private FailedVerb() {}

  @Override
  public Integer call() {
    return Koyomi.verbMissing(spec);
  }

  static CommandLine commandLine(Surroundings surroundings) {
    return new CommandLine(new FailedVerb())
        .addSubcommand(new FailedListVerb(surroundings))
        .addSubcommand(new FailedShowVerb(surroundings))
        .addSubcommand(new FailedRetryVerb(surroundings))
        .addSubcommand(new FailedDiscardVerb(surroundings));
  }

  /** Which jobs are meant. */
  static final class Choice {
    @Parameters(
        arity = "0..1",
        paramLabel = "NAME",
        description = "Of this batch: NAMESPACE/NAME, or NAME alone where that is enough.")
    private @Nullable String name;

    @Option(names = "--key", paramLabel = "KEY", description = "Only this target; may be repeated.")
    private List<String> keys = List.of();

    @Option(names = "--run", paramLabel = "ID", description = "Only of this run.")
    private @Nullable Long run;

    @Option(
        names = "--error",
        paramLabel = "CLASS",
        description =
            "Only with this error: an SQLSTATE such as 23505, the two characters of a class of"
                + " them such as 23, or a name such as Timeout.")
    private @Nullable String error;

    History.Filter filter(Database database) {
      Optional<String> batch =
          Optional.ofNullable(name).map(each -> BatchArgument.resolve(database.jdbi(), each));
      if (run != null) {
        long id = run;
        batch.ifPresentOrElse(
            each -> BatchArgument.run(database.jdbi(), each, id),
            () -> BatchArgument.run(database.jdbi(), id));
      }
      return new History.Filter(batch, Optional.ofNullable(run), keys, Optional.ofNullable(error));
    }

    String nothing() {
      if (keys.isEmpty() && error == null) {
        return "No job needs attention.";
      }
      return "No job with such %s needs attention."
          .formatted(error == null ? "a key" : keys.isEmpty() ? "an error" : "a key and error");
    }
  }

  /** Which jobs something is done to: all of them only when that is said. */
  static final class Scope {
    @CommandLine.Mixin private Choice choice = new Choice();

    @Option(names = "--all", description = "Of all batches.")
    private boolean all;

    History.Filter filter(Database database, String verb) {
      if (choice.name == null && choice.run == null && !all) {
        throw new CommandProblem(
            ExitCode.WRONG,
            "Say of which batch: failed %s NAME, or --all for every batch.".formatted(verb));
      }
      if (choice.name != null && all) {
        throw new CommandProblem(
            ExitCode.WRONG,
            "%s and --all exclude each other: leave one of them out.".formatted(choice.name));
      }
      return choice.filter(database);
    }

    String nothing() {
      return choice.nothing();
    }

    /** Where some of the keys have a job and others have none. */
    void sayMissing(Screen screen, History history, History.Filter filter) {
      List<String> missing = history.keysNotInNeed(filter);
      if (!missing.isEmpty()) {
        screen.line(
            "No job with key %s needs attention."
                .formatted(
                    String.join(" or ", missing.stream().map("\"%s\""::formatted).toList())));
      }
    }
  }

  /** What something would be done to, by run. */
  static Table byRun() {
    return new Table(List.of(">run", "batch", "logical date", ">jobs"));
  }

  static Table with(Table byRun, RunRow run, int jobs) {
    return byRun.with(
        Long.toString(run.id()), run.batch(), run.logicalDate().toString(), Shown.count(jobs));
  }

  static Interventions.DeadJobs of(RunRow run, History.Filter filter) {
    return new Interventions.DeadJobs(run.id(), filter.keys(), filter.error());
  }

  /** Jobs of an ordered batch lose their place when they are worked later. */
  static void sayWhenOutOfOrder(Screen screen, Database database, List<RunRow> runs) {
    Batches batches = new Batches(database.jdbi());
    runs.stream()
        .map(RunRow::batch)
        .distinct()
        .flatMap(batch -> batches.find(batch).stream())
        .filter(Batches.Batch::ordered)
        .forEach(
            batch ->
                screen.line(
                    "%s is ordered (%s): its jobs are retried out of order, as those behind them went on; only one that stopped its lane keeps its place."
                        .formatted(batch.name(), batch.mode())));
  }
}
