package dev.koyomi.runner.cli;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.history.History;
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
    synopsisSubcommandLabel = "(list | show | retry)",
    description = "Jobs that need attention: what they are, why, and once more.")
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
        .addSubcommand(new FailedRetryVerb(surroundings));
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

    History.Filter filter(Database database) {
      return new History.Filter(
          Optional.ofNullable(name).map(each -> BatchArgument.resolve(database.jdbi(), each)),
          Optional.ofNullable(run),
          keys);
    }

    boolean hasName() {
      return name != null;
    }

    String nothing() {
      return keys.isEmpty() ? "No job needs attention." : "No job with such a key needs attention.";
    }
  }
}
