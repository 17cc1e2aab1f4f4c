package dev.koyomi.runner.queue;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Transaction;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a selection would do; found out in a transaction that is rolled back.
 *
 * @param settled targets that the run has done or still has; they are among {@code selected} only
 *     where everything is taken
 * @param cleared jobs of the run that would be cancelled before
 * @param sample the first few keys
 */
public record Rehearsal(
    long selected, long duplicates, long settled, long cleared, List<String> sample) {
  public Rehearsal {
    sample = List.copyOf(sample);
  }

  /**
   * Selects in a transaction that is rolled back, for a run that nobody else ever sees.
   *
   * @param source connection to the database of the trigger, where it is another one
   * @param again a run that would select once more; null: a new one
   */
  public static Rehearsal of(
      Connection connection,
      @Nullable Connection source,
      Plan plan,
      Map<String, String> values,
      int batchId,
      @Nullable Again again)
      throws SQLException, Selection.Refused {
    Plan.Selection trigger = Objects.requireNonNull(plan.trigger());
    ChunkInsert.Parameters parameters = new ChunkInsert.Parameters(values);
    return Transaction.<Rehearsal, Selection.Refused>rolledBack(
        connection,
        () -> {
          Selection.limitTime(connection, trigger.timeout());
          Opening.Select unseen = openUnseen(connection, batchId);
          Selection self = new Selection(unseen);
          WrittenChunks chunks = new WrittenChunks(unseen.run(), unseen.token());
          Selection.Writing writing =
              source == null
                  ? lanes -> self.ofQuery(connection, plan, trigger, parameters, lanes)
                  : _ -> self.ofOther(connection, source, plan, trigger, parameters);
          Selection.Written anew =
              self.written(connection, plan, plan.job().order().lanes(), writing);
          if (again == null) {
            return new Rehearsal(
                anew.counts().selected(),
                anew.counts().duplicates(),
                0,
                0,
                chunks.sample(connection));
          }
          // Last of all, for what waits cannot be worked from here on until the rollback.
          long cleared = again.how == Reselection.Refresh ? clear(connection, again.run) : 0;
          selectAgain(connection, again.run);
          Selection.Counts counts =
              again.how.leavesOutSettled()
                  ? self.withoutSettled(connection, anew, again.run)
                  : new Selection.Counts(
                      anew.counts().selected(),
                      anew.counts().duplicates(),
                      chunks.settled(connection, again.run));
          return new Rehearsal(
              counts.selected(),
              counts.duplicates(),
              counts.settled(),
              cleared,
              chunks.sample(connection));
        });
  }

  /** A run that would select once more. */
  public record Again(long run, Reselection how) {}

  /** Beside no other run's slot, and in no other run's way. */
  private static Opening.Select openUnseen(Connection connection, int batchId) throws SQLException {
    long token = 1;
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            insert into koyomi.run (id, batch_id, occurrence, request, logical_date, revision, state, exclusive,
                selector_token, select_timeout, selecting_since, created_at)
              overriding system value
              select unseen.id, ?, koyomi.now(), 'rehearsal/' || unseen.id, koyomi.now()::date, '', 'Selecting', false,
                     ?, interval '0', koyomi.now(), koyomi.now()
                from (select -1 - floor(random() * 1e15)::bigint as id) as unseen
              returning id, logical_date
            """)) {
      statement.setInt(1, batchId);
      statement.setLong(2, token);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return new Opening.Select(row.getLong(1), token, row.getObject(2, LocalDate.class));
      }
    }
  }

  private static long clear(Connection connection, long of) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "select koyomi.clear(r.batch_id, r.id) from koyomi.run r where r.id = ?")) {
      statement.setLong(1, of);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** Only so that the queue may refuse it. */
  private static void selectAgain(Connection connection, long of) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.select_again(?, null, 1, '', interval '0')")) {
      statement.setLong(1, of);
      statement.execute();
    }
  }
}
