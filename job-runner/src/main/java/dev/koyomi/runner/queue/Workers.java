package dev.koyomi.runner.queue;

import dev.koyomi.crds.SchemaVersion;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

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
  public static long join(Connection connection, String pod, Kind kind, int batchId)
      throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.join_as(?, ?, ?, ?)")) {
      statement.setString(1, pod);
      statement.setString(2, kind.name());
      statement.setInt(3, batchId);
      statement.setInt(4, SchemaVersion.CURRENT);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** The same on a connection of the pool. */
  public long join(String pod, Kind kind, int batchId) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select koyomi.join_as(:pod, :kind, :batchId, :release)")
                .bind("pod", pod)
                .bind("kind", kind.name())
                .bind("batchId", batchId)
                .bind("release", SchemaVersion.CURRENT)
                .mapTo(Long.class)
                .one());
  }

  /**
   * Says that the worker lives; false when it was declared lost and must join anew.
   *
   * @param idle its slots without work
   * @param hindered what its Units cannot reach; null: nothing that is known
   */
  public static boolean heartbeat(
      Connection connection, long worker, int idle, @Nullable String hindered) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.heartbeat(?, ?, ?) is true")) {
      statement.setLong(1, worker);
      statement.setInt(2, idle);
      statement.setString(3, hindered);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /** The same on a connection of the pool, for a process without slots. */
  public boolean heartbeat(long worker) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select koyomi.heartbeat(:worker, 0, null) is true")
                .bind("worker", worker)
                .mapTo(Boolean.class)
                .one());
  }

  /** How often a process is to say that it lives, by {@code koyomi.meta.beat_every}. */
  public static Duration beatEvery(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select (extract(epoch from beat_every) * 1000)::bigint from koyomi.meta")) {
      row.next();
      return Duration.ofMillis(row.getLong(1));
    }
  }

  /** The worker leases nothing any more; should it be killed, no job is to blame. */
  public void drain(long worker) {
    jdbi.useHandle(handle -> handle.execute("select koyomi.drain(?)", worker));
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

  /**
   * Declares lost who has no session, without waiting for its beats. Only for a database whose
   * processes are all on this machine: elsewhere one that is cut off may come back.
   */
  public void declareGoneLost() {
    jdbi.useHandle(
        handle ->
            handle.execute(
                """
                update koyomi.worker w set lost_at = koyomi.now()
                  where w.stopped_at is null and w.lost_at is null
                    and not exists (
                      select from pg_stat_activity a
                        where a.datname = current_database()
                          and case w.kind when 'Worker' then a.application_name = format('koyomi worker %s heart', w.id)
                                          else a.application_name ~ '^koyomi (trigger|run|refresh|redispatch)\\M' end)
                """));
  }
}
