package dev.koyomi.crds.plan;

import dev.koyomi.crds.Database;
import dev.koyomi.crds.EnvVariable;
import dev.koyomi.crds.Overlap;
import dev.koyomi.crds.Resources;
import dev.koyomi.crds.Trigger;
import dev.koyomi.crds.occurrence.Cron;
import dev.koyomi.crds.sql.SqlText;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A manifest that holds together, with all defaults filled in.
 *
 * @param generation of the object that it was read from; 0 for a file
 * @param image null: the image that the operator was installed with
 */
public record Plan(
    BatchName batch,
    long generation,
    ZoneId timeZone,
    List<Entry> entries,
    boolean suspend,
    Overlap.Policy overlap,
    Selection trigger,
    RetryPolicy retry,
    UnitPlan unit,
    WorkerPool workers,
    @Nullable String image,
    @Nullable Resources resources,
    List<EnvVariable> env,
    DatabaseRef database) {
  public Plan {
    entries = List.copyOf(entries);
    env = List.copyOf(env);
  }

  /**
   * One line of the timetable.
   *
   * @param cronJob name of its CronJob
   */
  public record Entry(String name, Cron cron, String cronJob) {}

  /** How targets are selected. */
  public record Selection(SqlText sql, Duration timeout, int maxJobs, Trigger.OnEmpty onEmpty) {}

  /** What is done for one target. */
  public record UnitPlan(SqlText sql, Duration timeout) {}

  /** Who does it. */
  public record WorkerPool(int max, int concurrency, Duration stopWithin) {}

  /** Where it is done. */
  public record DatabaseRef(String secretName, Database.Migrate migrate) {}
}
