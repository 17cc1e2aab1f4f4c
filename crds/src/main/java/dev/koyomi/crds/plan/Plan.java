package dev.koyomi.crds.plan;

import dev.koyomi.crds.Database;
import dev.koyomi.crds.EnvVariable;
import dev.koyomi.crds.Job;
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
 * @param trigger null: jobs come from {@code koyomi.enqueue()} alone, and there are no entries
 * @param image null: the image that the operator was installed with
 * @param historyDays days that a run is kept after it ended
 */
public record Plan(
    BatchName batch,
    long generation,
    ZoneId timeZone,
    List<Entry> entries,
    boolean suspend,
    Overlap.Policy overlap,
    @Nullable Selection trigger,
    JobPlan job,
    UnitPlan unit,
    WorkerPool workers,
    @Nullable String image,
    @Nullable Resources resources,
    List<EnvVariable> env,
    DatabaseRef database,
    int historyDays) {
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

  /**
   * How targets are selected.
   *
   * @param databaseSecret Secret of the database that the query runs in; null: the batch's own
   */
  public record Selection(
      SqlText sql,
      Duration timeout,
      int maxJobs,
      Trigger.OnEmpty onEmpty,
      @Nullable String databaseSecret) {}

  /**
   * How each target's job is handled.
   *
   * @param maxPayload largest payload of one job as JSON, in bytes
   */
  public record JobPlan(
      Order order, Job.Priority priority, RetryPolicy retry, Limits limits, long maxPayload) {}

  /**
   * Which job waits for which.
   *
   * @param lanes jobs that may run at a time; 0: any number, 1: Fifo
   */
  public record Order(Job.OrderMode mode, int lanes, Job.OnDead onDead) {
    /** Whether jobs wait for one another. */
    public boolean ordered() {
      return mode != Job.OrderMode.Unordered;
    }
  }

  /**
   * How much of the batch may run at a time, over all pods.
   *
   * @param concurrency jobs; null: no limit
   * @param rate jobs that begin; null: no limit
   */
  public record Limits(@Nullable Integer concurrency, @Nullable Rate rate) {}

  /**
   * So many jobs in so much time.
   *
   * @param per a second, a minute or an hour
   */
  public record Rate(int jobs, Duration per) {
    /** As it is written in a manifest, such as 600/m. */
    public String text() {
      return jobs + "/" + (per.toHours() > 0 ? "h" : per.toMinutes() > 0 ? "m" : "s");
    }
  }

  /** What is done for one target. */
  public record UnitPlan(SqlText sql, Duration timeout, Commit commit) {}

  /** How many jobs one transaction does. */
  public sealed interface Commit {
    /** Every job commits on its own. */
    record Each() implements Commit {}

    /**
     * Several jobs share a commit.
     *
     * @param jobs at most this many
     */
    record Many(int jobs) implements Commit {}

    /** The statements work on all jobs of a portion at once. */
    record Chunk() implements Commit {}
  }

  /** Who does it. */
  public record WorkerPool(int max, int concurrency, Duration stopWithin, Recycle recycle) {}

  /**
   * When a worker pod ends by itself and is started anew; whichever comes first.
   *
   * @param maxTime after it started
   * @param maxJobs null: no limit
   * @param softMemory bytes that the process uses; null: no limit
   */
  public record Recycle(Duration maxTime, @Nullable Long maxJobs, @Nullable Long softMemory) {}

  /** Where it is done. */
  public record DatabaseRef(String secretName, Database.Migrate migrate) {}
}
