package dev.koyomi.runner.history;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/**
 * A run with its exact counts.
 *
 * @param batch namespace/name
 * @param occurrence the instant that it was fired for
 * @param request empty for a slot; otherwise what the run was asked for with
 * @param state as stored, such as PartiallyFailed
 * @param reason why, in one word for programs, where the state alone does not say it
 * @param message the same in a sentence, without its full stop: others are put behind it
 * @param selected targets; null while they are being selected
 * @param retrying jobs that failed and wait for their next attempt
 */
public record RunRow(
    long id,
    String batch,
    Instant occurrence,
    String request,
    LocalDate logicalDate,
    String state,
    @Nullable String reason,
    @Nullable String message,
    @Nullable Long selected,
    long succeeded,
    long skipped,
    long dead,
    long discarded,
    long cancelled,
    long expired,
    long retrying,
    Instant createdAt,
    @Nullable Instant endedAt) {

  public RunRow {
    message = message == null ? null : message.replaceFirst("[.]$", "");
  }

  /** Time from the first sign of the run to its end, or to now. */
  public Duration took(Instant now) {
    return Duration.between(createdAt, endedAt == null ? now : endedAt);
  }

  /** Whether something of it is still to come. */
  public boolean open() {
    return endedAt == null;
  }

  /** Whether it is that of a day's enqueued jobs, which stays open until the day is over. */
  public boolean ofEnqueued() {
    return request.startsWith("enqueued/");
  }

  /** Jobs that have come to an end, whichever. */
  public long ended() {
    return succeeded + skipped + dead + discarded + cancelled + expired;
  }
}
