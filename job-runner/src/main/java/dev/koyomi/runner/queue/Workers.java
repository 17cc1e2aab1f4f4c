package dev.koyomi.runner.queue;

import org.jdbi.v3.core.Jdbi;

/**
 * The processes that lease or select, by their rows; a row that was declared lost never comes back
 * to life.
 */
public final class Workers {
  private final Jdbi jdbi;

  public Workers(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  public enum Kind {
    Worker,
    Trigger
  }

  /** Writes a new row and returns its number. */
  public long join(String pod, Kind kind, int batchId) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select koyomi.join_as(:pod, :kind, :batchId)")
                .bind("pod", pod)
                .bind("kind", kind.name())
                .bind("batchId", batchId)
                .mapTo(Long.class)
                .one());
  }

  /** Says that the worker lives; false when it was declared lost and must join anew. */
  public boolean heartbeat(long worker) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select koyomi.heartbeat(:worker) is true")
                .bind("worker", worker)
                .mapTo(Boolean.class)
                .one());
  }

  /** Marks the worker as stopped: what it still holds is free at the next sweep. */
  public void leave(long worker) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(
                    "update koyomi.worker set stopped_at = koyomi.now() where id = :worker and"
                        + " stopped_at is null")
                .bind("worker", worker)
                .execute());
  }

  /** Declares every worker lost. Only for who knows that no other process uses this database. */
  public void declareAllLost() {
    jdbi.useHandle(
        handle ->
            handle.execute(
                "update koyomi.worker set lost_at = koyomi.now() where stopped_at is null and"
                    + " lost_at is null"));
  }
}
