package dev.koyomi.runner.testing;

import org.jdbi.v3.core.Jdbi;

/**
 * What holds of every slice at any time. The schema leaves it to the tests, as a check costs each
 * job that has a commit of its own.
 */
public final class SliceChecks {
  private SliceChecks() {}

  /** From now on a statement that breaks one of them fails, with SQLSTATE 23514. */
  public static void add(Jdbi jdbi) {
    jdbi.useHandle(
        handle ->
            handle.execute(
                """
                alter table koyomi.slice
                  add check (0 <= started and started <= position and position < stop),
                  add check ((lease is null) = (worker_id is null)),
                  add check (lease is not null or started = position),
                  add check (suspect between 0 and stop - position)
                """));
  }
}
