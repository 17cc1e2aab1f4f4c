package dev.koyomi.runner.history;

import java.time.Instant;

/**
 * A lane of an ordered batch that a job that needs attention holds.
 *
 * @param run of the job
 * @param key of the job
 * @param message the job's last error in words
 * @param waiting jobs behind it
 */
public record StoppedLane(
    int lane, long run, String key, String errorClass, String message, Instant at, long waiting) {}
