package dev.koyomi.runner.history;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What decides whether a batch works, beside its backlog.
 *
 * @param now by the database's clock
 * @param suspended no slot of the timetable makes a run
 * @param workers processes that live and lease
 * @param draining processes that live and end after what they have in hand
 * @param leases portions of jobs in the hands of workers
 * @param maxConcurrent most of these at a time; null: no limit
 * @param rateJobs jobs that may begin in {@code ratePer}; null: no limit
 * @param rateSpent jobs that began in the last such period, about
 * @param nextDueIn time until something that nobody holds is due; null: there is nothing
 * @param retryAt when the first job that failed is due again; null: none waits for that
 * @param alone portions that a worker may have died of, and that are worked one by one
 * @param hindered what Units of a worker cannot reach, so that their jobs wait; null: nothing that
 *     is known
 * @param selectingRun the run that is being selected for; null: none is
 * @param selector the process that selects; null: it is gone
 * @param selectingProblem why its last attempt broke; null: nothing that is known
 */
public record Situation(
    Instant now,
    boolean suspended,
    int workers,
    int draining,
    int leases,
    @Nullable Integer maxConcurrent,
    @Nullable Integer rateJobs,
    @Nullable Duration ratePer,
    long rateSpent,
    @Nullable Duration nextDueIn,
    @Nullable Instant retryAt,
    int alone,
    @Nullable String hindered,
    @Nullable Long selectingRun,
    @Nullable Instant selectingSince,
    @Nullable String selector,
    @Nullable String selectingProblem) {
  /** Whether no more jobs may begin at this moment, as so many run. */
  public boolean atLimit() {
    return maxConcurrent != null && leases >= maxConcurrent;
  }

  /** Whether no more jobs may begin at this moment, as so many began. */
  public boolean rateUsedUp() {
    return rateJobs != null && rateSpent >= rateJobs;
  }
}
