package dev.koyomi.runner.queue;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.LocalDate;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.jspecify.annotations.Nullable;

/** Opens runs. Who runs is decided by unique indexes, never by a query before. */
public final class Runs {
  private static final String UNIQUE_VIOLATION = "23505";

  private final Jdbi jdbi;
  private final RandomGenerator random;

  public Runs(Jdbi jdbi, RandomGenerator random) {
    this.jdbi = jdbi;
    this.random = random;
  }

  private record Existing(
      long id,
      RunState state,
      LocalDate logicalDate,
      @Nullable String reason,
      boolean selected,
      boolean selectorAlive) {}

  private static final String EXISTING =
      """
      select r.id, r.state, r.logical_date, r.reason, coalesce(r.selected, 0) > 0 as selected,
             exists (select from koyomi.worker w
                     where w.id = r.selector_id and w.stopped_at is null and w.lost_at is null) as selector_alive
        from koyomi.run r
      """;

  /**
   * Opens the run of a firing, takes over the selection of a selector that died, or says why there
   * is nothing to select.
   *
   * @param selector the worker row of the calling process
   */
  public Opening open(Firing firing, long selector) {
    while (true) {
      try {
        Optional<Opening> opening = jdbi.inTransaction(handle -> attempt(handle, firing, selector));
        if (opening.isPresent()) {
          return opening.get();
        }
      } catch (UnableToExecuteStatementException e) {
        if (!(e.getCause() instanceof SQLException cause)
            || !UNIQUE_VIOLATION.equals(cause.getSQLState())) {
          throw e;
        }
        // Another run of the batch was opened between our look and our write: look again.
      }
    }
  }

  /** Whether the firing has its run, in whatever state. */
  public boolean exists(Firing firing) {
    return find(firing).isPresent();
  }

  /** The firing's run, in whatever state. */
  public Optional<Long> find(Firing firing) {
    return jdbi.withHandle(handle -> existing(handle, firing).map(Existing::id));
  }

  /**
   * Opens a run for one more selection. What waits is cancelled in the same transaction where that
   * is asked for.
   *
   * @param revision of the definition that selects
   * @param selector the worker row of the calling process
   * @throws org.jdbi.v3.core.JdbiException with SQLSTATE KY004 and a sentence when the queue
   *     refuses
   */
  public Opening again(
      long run, Reselection how, String revision, Duration selectTimeout, long selector) {
    return jdbi.inTransaction(
        handle -> {
          Existing existing =
              handle
                  .createQuery(EXISTING + " where r.id = :run")
                  .bind("run", run)
                  .map((row, _) -> existing(row))
                  .one();
          long token = random.nextLong();
          if (existing.state == RunState.Selecting && existing.selectorAlive) {
            return new Opening.SelectedByAnother(run);
          }
          long cleared = how == Reselection.Refresh ? clear(handle, run) : 0;
          handle
              .createQuery(
                  "select koyomi.select_again(:run, :selector, :token, :revision,"
                      + " make_interval(secs => :seconds))")
              .bind("run", run)
              .bind("selector", selector)
              .bind("token", token)
              .bind("revision", revision)
              .bind("seconds", selectTimeout.toMillis() / 1000.0)
              .mapTo(Boolean.class)
              .one();
          return new Opening.Select(
              run, token, existing.logicalDate, how.leavesOutSettled(), cleared);
        });
  }

  /**
   * Goes on with a selection that this process began and whose end it has not heard of: whatever it
   * sent on a connection that broke has committed before this, or never will.
   *
   * @param selector the worker row of the calling process
   */
  public Opening resume(Opening.Select begun, long selector) {
    return jdbi.inTransaction(
        handle -> {
          long token = random.nextLong();
          int resumed =
              handle
                  .createUpdate(
                      """
                      update koyomi.run set selector_token = :token, selector_id = :selector, selecting_since = koyomi.now(),
                          abandoned = abandoned || selector_token
                        where id = :run and state = 'Selecting' and selector_token = :begun
                      """)
                  .bind("token", token)
                  .bind("selector", selector)
                  .bind("run", begun.run())
                  .bind("begun", begun.token())
                  .execute();
          return resumed == 1
              ? new Opening.Select(
                  begun.run(), token, begun.logicalDate(), begun.rest(), begun.cleared())
              : new Opening.AlreadyDispatched(begun.run(), state(begun.run()));
        });
  }

  private static long clear(Handle handle, long run) {
    return handle
        .createQuery("select koyomi.clear(r.batch_id, r.id) from koyomi.run r where r.id = :run")
        .bind("run", run)
        .mapTo(Long.class)
        .one();
  }

  /** Writes the firing's run as skipped, unless the occurrence has its run. */
  public Opening skip(Firing firing, String reason, String message) {
    return jdbi.inTransaction(
        handle ->
            existing(handle, firing)
                .<Opening>map(run -> new Opening.AlreadyDispatched(run.id, run.state))
                .or(() -> insertSkipped(handle, firing, reason, message))
                .or(
                    () ->
                        existing(handle, firing)
                            .map(run -> new Opening.AlreadyDispatched(run.id, run.state)))
                .orElseThrow());
  }

  /** The run's present state. */
  public RunState state(long run) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select state from koyomi.run where id = :run")
                .bind("run", run)
                .mapTo(RunState.class)
                .one());
  }

  /** Empty: another process was faster between two statements; look again. */
  private Optional<Opening> attempt(Handle handle, Firing firing, long selector) {
    long token = random.nextLong();
    Optional<Long> inserted = insertSelecting(handle, firing, selector, token);
    if (inserted.isPresent()) {
      return Optional.of(new Opening.Select(inserted.get(), token, firing.logicalDate()));
    }
    Optional<Existing> existing = existing(handle, firing);
    if (existing.isEmpty()) {
      return openExclusiveRun(handle, firing.batchId())
          .flatMap(
              open ->
                  insertSkipped(
                      handle, firing, "Overlap", "run " + open + " of this batch is not over yet"));
    }
    Existing run = existing.get();
    if (run.state == RunState.Selecting) {
      return run.selectorAlive
          ? Optional.of(new Opening.SelectedByAnother(run.id))
          // Of a run that has selected before, nothing may be done a second time.
          : takeOver(handle, run, firing, selector, token);
    }
    if (run.state == RunState.Failed && mayReopen(run, firing)) {
      return reopen(handle, run, firing, selector, token);
    }
    return Optional.of(new Opening.AlreadyDispatched(run.id, run.state));
  }

  private static boolean mayReopen(Existing run, Firing firing) {
    return "SelectionAbandoned".equals(run.reason) || (firing.byPerson() && !run.selected);
  }

  private static Optional<Long> insertSelecting(
      Handle handle, Firing firing, long selector, long token) {
    return handle
        .createQuery(
            """
            insert into koyomi.run (batch_id, occurrence, request, entry, logical_date, revision, state, exclusive,
                selector_token, selector_id, select_timeout, selecting_since, created_at)
              values (:batchId, :occurrence, :request, :entry, :logicalDate, :revision, 'Selecting', :exclusive,
                :token, :selector, make_interval(secs => :selectSeconds), koyomi.now(), koyomi.now())
              on conflict do nothing
              returning id
            """)
        .bindMethods(firing)
        .bind("token", token)
        .bind("selector", selector)
        .mapTo(Long.class)
        .findOne();
  }

  private static Optional<Opening> insertSkipped(
      Handle handle, Firing firing, String reason, String message) {
    return handle
        .createQuery(
            """
            insert into koyomi.run (batch_id, occurrence, request, entry, logical_date, revision, state, reason, message,
                exclusive, select_timeout, created_at, ended_at)
              values (:batchId, :occurrence, :request, :entry, :logicalDate, :revision, 'Skipped', :reason, :message,
                :exclusive, make_interval(secs => :selectSeconds), koyomi.now(), koyomi.now())
              on conflict do nothing
              returning id
            """)
        .bindMethods(firing)
        .bind("reason", reason)
        .bind("message", message)
        .mapTo(Long.class)
        .findOne()
        .map(id -> new Opening.Skipped(id, message));
  }

  private static Optional<Existing> existing(Handle handle, Firing firing) {
    return handle
        .createQuery(
            EXISTING
                + " where r.batch_id = :batchId and r.request = :request and (r.request <> '' or"
                + " r.occurrence = :occurrence)")
        .bindMethods(firing)
        .map((row, _) -> existing(row))
        .findOne();
  }

  private static Existing existing(ResultSet row) throws SQLException {
    return new Existing(
        row.getLong("id"),
        RunState.valueOf(row.getString("state")),
        row.getObject("logical_date", LocalDate.class),
        row.getString("reason"),
        row.getBoolean("selected"),
        row.getBoolean("selector_alive"));
  }

  private static Optional<Long> openExclusiveRun(Handle handle, int batchId) {
    return handle
        .createQuery(
            "select id from koyomi.run where batch_id = :batchId and exclusive and state in"
                + " ('Selecting', 'Running')")
        .bind("batchId", batchId)
        .mapTo(Long.class)
        .findOne();
  }

  /**
   * Whoever still writes under the old token cannot commit any more; what it has written is
   * abandoned. Chunks of earlier selections of the run stay.
   */
  private static Optional<Opening> takeOver(
      Handle handle, Existing run, Firing firing, long selector, long token) {
    int taken =
        handle
            .createUpdate(
                """
                update koyomi.run r set selector_token = :token, selector_id = :selector, selecting_since = koyomi.now(),
                    revision = :revision, select_timeout = make_interval(secs => :selectSeconds),
                    abandoned = r.abandoned || old.selector_token
                  from (select o.id, o.selector_token from koyomi.run o where o.id = :run and o.state = 'Selecting' for no key update) as old
                  where r.id = old.id
                    and not exists (select from koyomi.worker w
                                    where w.id = r.selector_id and w.stopped_at is null and w.lost_at is null)
                """)
            .bindMethods(firing)
            .bind("run", run.id)
            .bind("token", token)
            .bind("selector", selector)
            .execute();
    return taken == 1
        ? Optional.of(new Opening.Select(run.id, token, run.logicalDate, run.selected, 0))
        : Optional.empty();
  }

  private static Optional<Opening> reopen(
      Handle handle, Existing run, Firing firing, long selector, long token) {
    // NOT EXISTS keeps the unique index from raising in the usual case; the index still decides the
    // race.
    int opened =
        handle
            .createUpdate(
                """
                update koyomi.run r
                  set state = 'Selecting', reason = null, message = null, ended_at = null, attempt = attempt + 1,
                      revision = :revision, exclusive = :exclusive, selector_token = :token, selector_id = :selector,
                      select_timeout = make_interval(secs => :selectSeconds), selecting_since = koyomi.now(),
                      pruned_at = null
                  where r.id = :run and r.state = 'Failed' and coalesce(r.selected, 0) = 0
                    and not (:exclusive and exists (select from koyomi.run o
                               where o.batch_id = r.batch_id and o.exclusive and o.state in ('Selecting', 'Running')))
                """)
            .bindMethods(firing)
            .bind("run", run.id)
            .bind("token", token)
            .bind("selector", selector)
            .execute();
    return opened == 1
        ? Optional.of(new Opening.Select(run.id, token, run.logicalDate))
        : Optional.of(new Opening.AlreadyDispatched(run.id, RunState.Failed));
  }
}
