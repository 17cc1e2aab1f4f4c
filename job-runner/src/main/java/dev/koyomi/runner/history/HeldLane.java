package dev.koyomi.runner.history;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A lane of an ordered batch that a failed job holds.
 *
 * @param run of the job
 * @param key of the job
 * @param message the job's last error in words
 * @param at when it failed
 * @param retryAt when it is tried again; null: it needs attention, and its lane is stopped
 * @param waiting jobs behind it
 */
public record HeldLane(
    int lane,
    long run,
    String key,
    String errorClass,
    String message,
    Instant at,
    @Nullable Instant retryAt,
    long waiting) {
  public boolean stopped() {
    return retryAt == null;
  }
}
