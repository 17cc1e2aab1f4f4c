package dev.koyomi.runner.history;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What a batch has to do.
 *
 * @param batch namespace/name
 * @param waiting jobs that nobody works, those that wait for another attempt included
 * @param running jobs in the hands of workers
 * @param retrying jobs that failed and wait for their next attempt
 * @param dead jobs that need attention
 * @param pausedAt null: it is not paused
 * @param pausedWhy null: nobody said why
 */
public record QueueRow(
    String batch,
    long waiting,
    long running,
    long retrying,
    long dead,
    @Nullable Instant pausedAt,
    @Nullable String pausedBy,
    @Nullable String pausedWhy) {}
