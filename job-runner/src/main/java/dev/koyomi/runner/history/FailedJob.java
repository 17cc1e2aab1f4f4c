package dev.koyomi.runner.history;

import java.time.Instant;

/**
 * A job that needs attention.
 *
 * @param chunk with {@code ordinal} where the queue keeps it
 * @param batch namespace/name
 * @param key the target
 * @param payload what the Unit gets, as JSON
 * @param kind Dead: out of attempts; Parked: no attempt could have helped
 * @param errorClass SQLState or other class of the last error
 * @param message the last error in words
 */
public record FailedJob(
    long chunk,
    int ordinal,
    long run,
    String batch,
    String key,
    String payload,
    String kind,
    int attempts,
    String errorClass,
    String message,
    Instant at) {}
