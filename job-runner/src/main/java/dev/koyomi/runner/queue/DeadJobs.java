package dev.koyomi.runner.queue;

import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** Jobs that need a person. */
public final class DeadJobs {
  private final Jdbi jdbi;

  public DeadJobs(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * Gives jobs of a run a new set of attempts and opens the run again.
   *
   * @param keys the targets; empty: all of the run
   * @return how many jobs are back in the queue
   * @throws org.jdbi.v3.core.JdbiException with SQLSTATE KY004 and a sentence when the run was
   *     cancelled or another one of the batch is open
   */
  public int retry(long run, List<String> keys) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select koyomi.retry_dead(:run, :keys, null)")
                .bind("run", run)
                .bindArray("keys", String.class, keys.isEmpty() ? null : keys.toArray())
                .mapTo(Integer.class)
                .one());
  }
}
