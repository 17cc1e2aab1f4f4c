package dev.koyomi.runner.cli;

import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.queue.Batches;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** A batch as people name it. */
final class BatchArgument {
  static final String MEANS = "The batch: NAMESPACE/NAME, or NAME alone where that is enough.";

  private static final int NAMED = 5;

  private BatchArgument() {}

  /** The registered batch. */
  static Batches.Batch find(Jdbi jdbi, String typed) {
    return new Batches(jdbi).find(resolve(jdbi, typed)).orElseThrow();
  }

  /** As one types it where the namespace is clear. */
  static String shortName(String batch) {
    return batch.substring(batch.indexOf('/') + 1);
  }

  /** A run of the batch; the number of another one's ends the command. */
  static RunRow run(Jdbi jdbi, String batch, long id) {
    return new History(jdbi)
        .run(id)
        .filter(run -> run.batch().equals(batch))
        .orElseThrow(
            () ->
                new CommandProblem(
                    ExitCode.WRONG,
                    "%s has no run %d: `koyomi runs %s` lists what it has."
                        .formatted(batch, id, shortName(batch))));
  }

  /** What one may have meant. */
  private static String has(Jdbi jdbi) {
    List<String> names = new Batches(jdbi).names();
    if (names.isEmpty()) {
      return "it has none yet";
    }
    String shown = String.join(", ", names.subList(0, Math.min(NAMED, names.size())));
    return names.size() > NAMED
        ? "it has %s and %s more".formatted(shown, Shown.count(names.size() - NAMED))
        : "it has " + shown;
  }

  /** A run of whatever batch. */
  static RunRow run(Jdbi jdbi, long id) {
    return new History(jdbi)
        .run(id)
        .orElseThrow(
            () ->
                new CommandProblem(
                    ExitCode.WRONG,
                    "There is no run %d: `koyomi runs` lists the newest.".formatted(id)));
  }

  /** The batch's full name: {@code namespace/name}. */
  static String resolve(Jdbi jdbi, String typed) {
    List<String> matching = new Batches(jdbi).matching(typed);
    if (matching.isEmpty()) {
      throw new CommandProblem(
          ExitCode.WRONG, "There is no batch %s in this database: %s.".formatted(typed, has(jdbi)));
    }
    if (matching.size() > 1) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "%s may be %s: write the namespace too.".formatted(typed, String.join(" or ", matching)));
    }
    return matching.getFirst();
  }
}
