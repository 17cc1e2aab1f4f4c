package dev.koyomi.runner.chaos;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Opening;
import dev.koyomi.runner.queue.Selection;
import dev.koyomi.runner.queue.Workers;
import java.security.SecureRandom;
import java.sql.Connection;
import java.time.LocalDate;
import java.util.Map;

/** A person's refresh: what waits is cleared, and the targets are selected again. */
final class Again {
  private final Database database;
  private final Plan plan;

  Again(Database database, Plan plan) {
    this.database = database;
    this.plan = plan;
  }

  void select(long run) throws Exception {
    Workers workers = new Workers(database.jdbi());
    long self = workers.join("refresh", Workers.Kind.Trigger, 1);
    long token = new SecureRandom().nextLong();
    LocalDate day =
        database
            .jdbi()
            .inTransaction(
                handle -> {
                  handle.execute("select koyomi.clear(1, ?)", run);
                  handle.execute(
                      "select koyomi.select_again(?, ?, ?, 'r', '1 minute')", run, self, token);
                  return handle
                      .createQuery("select logical_date from koyomi.run where id = :run")
                      .bind("run", run)
                      .mapTo(LocalDate.class)
                      .one();
                });
    Selection selection = new Selection(new Opening.Select(run, token, day));
    try (Connection connection = database.dataSource().getConnection()) {
      try {
        selection.dispatch(
            connection,
            selection.select(connection, plan, Map.of("logicalDate", day.toString())),
            false);
      } catch (Exception broken) {
        selection.fail(connection, "SelectionFailed", "chaos");
        throw broken;
      }
    } finally {
      workers.leave(self);
    }
  }
}
