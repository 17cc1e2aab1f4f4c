package dev.koyomi.runner.queue;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * One job that comes from outside.
 *
 * @param payload a JSON object
 * @param runAt not before; null: now
 * @param expiresAt not begun after; null: never
 * @param priority High, Normal or Low; null: the batch's
 * @param uniqueWhile Waiting or Unfinished; null: another job of the key is no hindrance
 * @param uniqueFor a period from now instead
 */
public record Enqueueing(
    String batch,
    String key,
    String payload,
    @Nullable Instant runAt,
    @Nullable Instant expiresAt,
    @Nullable String priority,
    @Nullable String uniqueWhile,
    @Nullable Duration uniqueFor) {

  /** What the SQLSTATE of a wrong request begins with; its message is a sentence. */
  public static final String WRONG = "KY01";

  /** The job's number; empty: the key is enqueued already. */
  public Optional<Long> into(Jdbi jdbi) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select koyomi.enqueue(:batch, :key, cast(:payload as jsonb), cast(:runAt as timestamptz),
                        cast(:expiresAt as timestamptz), cast(:priority as text), cast(:uniqueWhile as text),
                        make_interval(secs => cast(:uniqueSeconds as double precision)))
                    """)
                .bindMethods(this)
                .bind("uniqueSeconds", uniqueFor == null ? null : uniqueFor.toMillis() / 1000.0)
                .mapTo(Long.class)
                .findOne());
  }
}
