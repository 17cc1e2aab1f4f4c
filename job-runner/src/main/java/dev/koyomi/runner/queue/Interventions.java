package dev.koyomi.runner.queue;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What people ask of the queue. Each method is one function of the schema and says how many jobs it
 * touched; a refusal is an exception with SQLSTATE KY004 and a sentence.
 */
public final class Interventions {
  private final Handle handle;

  private Interventions(Handle handle) {
    this.handle = handle;
  }

  /** Does it, in one transaction. */
  public static <T> T done(Jdbi jdbi, Function<Interventions, T> asked) {
    return jdbi.inTransaction(handle -> asked.apply(new Interventions(handle)));
  }

  /** Does the same in a transaction that is rolled back: what would happen. */
  public static <T> T rehearsed(Jdbi jdbi, Function<Interventions, T> asked) {
    return jdbi.withHandle(
        handle -> {
          handle.begin();
          try {
            return asked.apply(new Interventions(handle));
          } finally {
            handle.rollback();
          }
        });
  }

  /**
   * Which jobs of a run that need attention are meant.
   *
   * @param keys the targets; empty: all
   * @param error the class of the last error; empty: any
   */
  public record DeadJobs(long run, List<String> keys, Optional<String> error) {
    public DeadJobs {
      keys = List.copyOf(keys);
    }
  }

  /** Gives the jobs a new set of attempts and opens their run again. */
  public int retry(DeadJobs jobs) {
    return handle
        .createQuery("select koyomi.retry_dead(:run, :keys, :error)")
        .bind("run", jobs.run())
        .bindArray("keys", String.class, keysOrNull(jobs))
        .bind("error", jobs.error().orElse(null))
        .mapTo(Integer.class)
        .one();
  }

  /** Sets the jobs aside for good. */
  public int discard(DeadJobs jobs, String by, String reason) {
    return handle
        .createQuery("select koyomi.discard_dead(:run, :keys, :error, :by, :reason)")
        .bind("run", jobs.run())
        .bindArray("keys", String.class, keysOrNull(jobs))
        .bind("error", jobs.error().orElse(null))
        .bind("by", by)
        .bind("reason", reason)
        .mapTo(Integer.class)
        .one();
  }

  private static Object @Nullable [] keysOrNull(DeadJobs jobs) {
    return jobs.keys().isEmpty() ? null : jobs.keys().toArray();
  }

  /** False: the batch was paused before, and by whom stays as it was. */
  public boolean pause(int batchId, String by, Optional<String> why) {
    return handle
        .createQuery("select koyomi.pause(:batchId, :by, :why)")
        .bind("batchId", batchId)
        .bind("by", by)
        .bind("why", why.orElse(null))
        .mapTo(Boolean.class)
        .one();
  }

  /** False: the batch was not paused. */
  public boolean resume(int batchId) {
    return handle
        .createQuery("select koyomi.resume(:batchId)")
        .bind("batchId", batchId)
        .mapTo(Boolean.class)
        .one();
  }

  /**
   * Lets lanes go on without the jobs that stopped them; returns how many lanes.
   *
   * @param keys of the jobs
   */
  public int resumeLanes(int batchId, List<String> keys) {
    return handle
        .createQuery("select koyomi.resume_lanes(:batchId, nullif(cast(:keys as text[]), '{}'))")
        .bind("batchId", batchId)
        .bindArray("keys", String.class, keys)
        .mapTo(Integer.class)
        .one();
  }

  /**
   * Cancels what waits; what a worker has in hand goes on.
   *
   * @param run empty: of all runs, and enqueued jobs
   */
  public long clear(int batchId, Optional<Long> run) {
    return handle
        .createQuery("select koyomi.clear(:batchId, :run)")
        .bind("batchId", batchId)
        .bind("run", run.orElse(null))
        .mapTo(Long.class)
        .one();
  }

  /** Cancels all that is left of a run; empty: it is over, or cancelled. */
  public Optional<Long> cancelRun(long run, String why) {
    long before = cancelled(run);
    boolean cancelled =
        handle
            .createQuery("select koyomi.cancel_run(:run, :why)")
            .bind("run", run)
            .bind("why", why)
            .mapTo(Boolean.class)
            .one();
    return cancelled ? Optional.of(cancelled(run) - before) : Optional.empty();
  }

  private long cancelled(long run) {
    return handle
        .createQuery(
            "select coalesce(sum(cancelled), 0) from koyomi.work where run_id = :run and kind ="
                + " 'Cancelled'")
        .bind("run", run)
        .mapTo(Long.class)
        .one();
  }

  /**
   * Cancels unfinished jobs, also those in the hands of a worker.
   *
   * @param run empty: of all runs, and jobs that are enqueued and not taken yet
   * @param numbers of enqueued jobs
   */
  public int cancelJobs(int batchId, Optional<Long> run, List<String> keys, List<Long> numbers) {
    // Empty arrays, never null: the function compares with what is in them.
    return handle
        .createQuery("select koyomi.cancel_jobs(:batchId, :run, :keys, :numbers)")
        .bind("batchId", batchId)
        .bind("run", run.orElse(null))
        .bindArray("keys", String.class, keys)
        .bindArray("numbers", Long.class, numbers)
        .mapTo(Integer.class)
        .one();
  }
}
