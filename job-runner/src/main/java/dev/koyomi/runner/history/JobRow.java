package dev.koyomi.runner.history;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One job.
 *
 * @param run null: it was enqueued, and nobody has taken it yet
 * @param number of an enqueued job, by which its caller knows it; null: a trigger selected it
 * @param key the target
 * @param attempt the present or last one; of a job that waits, the next one
 * @param at of a job that waits, when it is due; else since when it is in this state; null: it was
 *     done just now
 * @param errorClass of the last attempt that failed; null: none has
 * @param message the same in words
 */
public record JobRow(
    @Nullable Long run,
    @Nullable Long number,
    String key,
    State state,
    int attempt,
    @Nullable Instant at,
    @Nullable String errorClass,
    @Nullable String message) {
  /** Where a job is. */
  public enum State {
    Waiting,
    Running,
    /** Failed, and waits for its next attempt. */
    Retrying,
    Done,
    Skipped,
    /** Needs attention. */
    Failed,
    Cancelled,
    /** Needed attention, and was set aside for good. */
    Discarded
  }
}
