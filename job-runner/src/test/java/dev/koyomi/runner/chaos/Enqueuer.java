package dev.koyomi.runner.chaos;

import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * A program that enqueues jobs beside those of the triggers, in transactions of its own, some of
 * which it takes back. What it was promised is in the table asked.
 */
final class Enqueuer {
  /** Jobs whose key nobody else has; each must be worked, cancelled or expire, and once. */
  private static final String OWN_KEYS = "nextval('asking')";

  /** Keys that are enqueued again and again, at most one job of each at a time. */
  private static final String SHARED_KEYS = "200000 + floor(random() * 20)::int";

  private final Jdbi jdbi;
  private final boolean ordered;
  private final Random random;

  /**
   * @param ordered whether jobs of a key are worked in the order in which they were enqueued
   */
  Enqueuer(Jdbi jdbi, boolean ordered, Random random) {
    this.jdbi = jdbi;
    this.ordered = ordered;
    this.random = random;
  }

  void run(long endNanos) {
    while (System.nanoTime() < endNanos) {
      Episode.attempt(() -> jdbi.useTransaction(this::enqueue));
      LockSupport.parkNanos(random.nextInt(100_000_000));
    }
  }

  private void enqueue(Handle handle) {
    boolean shared = !ordered && random.nextInt(3) == 0;
    boolean expires = !ordered && random.nextInt(5) == 0;
    handle
        .createUpdate(
            """
            insert into asked (id, certain)
              select id, :certain from (
                select koyomi.enqueue('chaos/work', n::text, jsonb_build_object('n', n, 'day', date '2031-01-01'),
                         expires_at => case when :expires then clock_timestamp() + interval '300 milliseconds' end,
                         priority => :priority, unique_while => :scope) as id
                  from (select <keys> as n from generate_series(1, :jobs)) as next) as enqueued
                where id is not null
            """)
        .define("keys", shared ? SHARED_KEYS : OWN_KEYS)
        .bind("certain", !shared && !expires)
        .bind("expires", expires)
        .bind("priority", ordered ? null : random.nextBoolean() ? "High" : "Low")
        .bind("scope", shared ? random.nextBoolean() ? "Waiting" : "Unfinished" : null)
        .bind("jobs", 1 + random.nextInt(20))
        .execute();
    if (random.nextInt(5) == 0) {
      handle.rollback();
    }
  }
}
