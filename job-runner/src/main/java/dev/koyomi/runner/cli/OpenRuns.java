package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.history.History;
import dev.koyomi.runner.history.RunRow;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** A batch's runs that were not over at some moment, and all that came after. */
record OpenRuns(BatchName batch, Set<Long> open, long newest) {
  private static final int LOOKED_AT = 1000;

  OpenRuns {
    open = Set.copyOf(open);
  }

  static OpenRuns of(Database database, BatchName batch) {
    var runs = new History(database.jdbi()).runs(Optional.of(batch.toString()), LOOKED_AT);
    return new OpenRuns(
        batch,
        runs.stream().filter(RunRow::open).map(RunRow::id).collect(Collectors.toSet()),
        runs.isEmpty() ? 0 : runs.getFirst().id());
  }

  /** Jobs of these runs that need attention now. */
  long deadSince(Database database) {
    return new History(database.jdbi())
        .runs(Optional.of(batch.toString()), LOOKED_AT).stream()
            .filter(run -> open.contains(run.id()) || run.id() > newest)
            .mapToLong(RunRow::dead)
            .sum();
  }
}
