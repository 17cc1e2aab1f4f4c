package dev.koyomi.runner.cli;

import dev.koyomi.runner.queue.Batches;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** A batch as people name it. */
final class BatchArgument {
  private BatchArgument() {}

  /** The batch's full name: {@code namespace/name}. */
  static String resolve(Jdbi jdbi, String typed) {
    List<String> matching = new Batches(jdbi).matching(typed);
    if (matching.isEmpty()) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "There is no batch %s in this database: `koyomi runs` lists what has run."
              .formatted(typed));
    }
    if (matching.size() > 1) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "%s may be %s: write the namespace too.".formatted(typed, String.join(" or ", matching)));
    }
    return matching.getFirst();
  }
}
