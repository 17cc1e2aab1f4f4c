package dev.koyomi.runner.queue;

import java.time.Duration;
import java.time.OffsetDateTime;

/**
 * What a batch's rate allows one slot.
 *
 * @param jobs that may begin; 0: none for now
 * @param until by the database's clock: after it they may not begin any more
 * @param after when none may begin, how long to wait before asking again
 */
public record Permit(int jobs, OffsetDateTime until, Duration after) {}
