package dev.koyomi.runner.queue;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/**
 * What fires: a slot of the timetable, or a request by a person or another system.
 *
 * @param request empty for a slot; otherwise what makes the request unique, such as {@code
 *     namespace/job-name}
 * @param entry the schedule entry of a slot
 * @param exclusive whether the run may not be open beside another exclusive one of the batch
 * @param selectTimeout after twice this time without a selector the selection counts as abandoned
 * @param byPerson a person asks: a selection that failed is tried again
 */
public record Firing(
    int batchId,
    Instant occurrence,
    String request,
    @Nullable String entry,
    LocalDate logicalDate,
    String revision,
    boolean exclusive,
    Duration selectTimeout,
    boolean byPerson) {

  /** {@link #selectTimeout} as PostgreSQL's make_interval takes it. */
  public double selectSeconds() {
    return selectTimeout.toMillis() / 1000.0;
  }
}
