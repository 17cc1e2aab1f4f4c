package dev.koyomi.runner.trigger;

import dev.koyomi.crds.Trigger;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.db.SchemaState;
import dev.koyomi.runner.db.Words;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Firing;
import dev.koyomi.runner.queue.Opening;
import dev.koyomi.runner.queue.Rehearsal;
import dev.koyomi.runner.queue.Reselection;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.queue.Runs;
import dev.koyomi.runner.queue.Selection;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.queue.Workers;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.LocalDate;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the run of a firing, selects its targets and dispatches them: all or none, once. */
public final class TriggerRun {
  private static final Logger LOG = LoggerFactory.getLogger(TriggerRun.class);

  private final Database database;
  private final Optional<Database> source;
  private final Plan plan;
  private final Plan.Selection trigger;
  private final String revision;
  private final Firings firings;
  private final String pod;
  private final Pause pause;
  private final Admission admission;
  private @Nullable Sent sent;

  /** Whether this process may fire on the queue that it found. */
  public interface Admission {
    /** Why not, as a sentence; empty: it may. */
    Optional<String> refusal(Connection connection) throws SQLException;
  }

  /**
   * How the trigger waits between two looks at a run that another process selects, or two tries to
   * reach the database.
   */
  public interface Pause {
    void await(Duration duration) throws InterruptedException;

    /** The real one. */
    static Pause real() {
      return Thread::sleep;
    }
  }

  private static final Duration LOOK = Duration.ofMillis(500);
  private static final int CONNECT_TRIES = 5;

  /**
   * @param plan with a trigger
   */
  public TriggerRun(Database database, Plan plan, String revision, String pod, Pause pause) {
    this(database, Optional.empty(), plan, revision, pod, pause, _ -> Optional.empty());
  }

  /**
   * @param database of the queue
   * @param source what the trigger's query runs in; empty: the queue's database
   * @param plan with a trigger
   * @param admission asked before anything is written
   */
  public TriggerRun(
      Database database,
      Optional<Database> source,
      Plan plan,
      String revision,
      String pod,
      Pause pause,
      Admission admission) {
    this.database = database;
    this.source = source;
    this.plan = plan;
    this.trigger = Objects.requireNonNull(plan.trigger());
    this.revision = revision;
    this.firings = new Firings(plan, revision);
    this.pod = pod;
    this.pause = pause;
    this.admission = admission;
  }

  /** Does all that the firing asks for; an unreachable database is tried a few times. */
  public TriggerResult fire(Fired fired) throws InterruptedException {
    return trying(() -> fireOnce(fired));
  }

  /** Selects once more for a run, at a person's request. */
  public TriggerResult again(long run, Reselection how) throws InterruptedException {
    AtomicReference<Opening.@Nullable Select> begun = new AtomicReference<>();
    return trying(() -> againOnce(run, how, begun));
  }

  /** The run of what would be fired, where it has one. */
  public Optional<Long> runOf(Fired fired) {
    return new Batches(database.jdbi())
        .find(plan.batch().toString())
        .flatMap(batch -> runs().find(firings.of(batch.id(), fired)));
  }

  /** What the firing would select; nothing is written. */
  public Rehearsed rehearse(Fired fired) throws SQLException {
    int batchId = new Batches(database.jdbi()).find(plan.batch().toString()).orElseThrow().id();
    return rehearse(batchId, firings.of(batchId, fired).logicalDate(), null);
  }

  /**
   * What the run would select once more; nothing is written.
   *
   * @param logicalDate of the run
   */
  public Rehearsed rehearseAgain(long run, LocalDate logicalDate, Reselection how)
      throws SQLException {
    int batchId = new Batches(database.jdbi()).find(plan.batch().toString()).orElseThrow().id();
    return rehearse(batchId, logicalDate, new Rehearsal.Again(run, how));
  }

  private Rehearsed rehearse(int batchId, LocalDate logicalDate, Rehearsal.@Nullable Again again)
      throws SQLException {
    try (Connection connection = database.dataSource().getConnection();
        Connection from = source.isPresent() ? connected(source.get()) : null) {
      return new Rehearsed.Targets(
          logicalDate, Rehearsal.of(connection, from, plan, values(logicalDate), batchId, again));
    } catch (Selection.Refused e) {
      return new Rehearsed.Refused(e.sentence());
    } catch (SQLException e) {
      if (Selection.REFUSED.equals(e.getSQLState())) {
        throw e;
      }
      return switch (Fault.of(e).orElse(new Fault.Other(String.valueOf(e.getMessage())))) {
        case Fault.TryAgain _ -> throw e;
        case Fault.Definition(String sentence) ->
            new Rehearsed.Refused("spec.trigger.sql: " + sentence);
        case Fault.Other(String sentence) -> new Rehearsed.Failed(inWords(e, sentence));
      };
    }
  }

  private interface Attempt {
    TriggerResult make() throws SQLException, InterruptedException;
  }

  /** A dispatch whose answer may have been lost. */
  private record Sent(Opening.Select opened, Selection.Counts counts) {
    TriggerResult landed(RunState state) {
      return state == RunState.Cancelled
          ? new TriggerResult.AlreadyDispatched(opened.run(), state)
          : new TriggerResult.Dispatched(
              opened.run(),
              opened.logicalDate(),
              counts.selected(),
              counts.duplicates(),
              counts.settled(),
              state);
    }
  }

  private TriggerResult trying(Attempt once) throws InterruptedException {
    sent = null;
    for (int attempt = 1; ; attempt++) {
      try {
        return once.make();
      } catch (RuntimeException | SQLException e) {
        Optional<Fault> fault = Fault.of(e);
        if (!(fault.orElse(null) instanceof Fault.TryAgain(String sentence))) {
          throw new IllegalStateException("firing %s failed".formatted(plan.batch()), e);
        }
        if (attempt == CONNECT_TRIES) {
          return new TriggerResult.TryAgain(sentence);
        }
        LOG.atWarn()
            .addKeyValue("attempt", attempt)
            .addKeyValue("cause", sentence)
            .log("trying again");
        pause.await(Duration.ofMillis(250L << attempt));
      }
    }
  }

  private TriggerResult fireOnce(Fired fired) throws SQLException, InterruptedException {
    Optional<TriggerResult> closed = closed();
    if (closed.isPresent()) {
      return closed.get();
    }
    Batches batches = new Batches(database.jdbi());
    int batchId = batches.find(plan.batch().toString()).orElseThrow().id();
    Runs runs = runs();
    Firing firing = firings.of(batchId, fired);
    if (fired instanceof Fired.Slot slot) {
      Optional<String> tooEarly =
          firings.beforeWatermark(slot, entry -> batches.watermark(batchId, entry));
      // A run that is there goes on: its selector may have died before the schedule was changed.
      if (tooEarly.isPresent() && !runs.exists(firing)) {
        return result(runs.skip(firing, "BeforeScheduleChange", tooEarly.get()));
      }
    }
    return openAndSelect(batchId, false, self -> runs.open(firing, self));
  }

  /**
   * @param begun what an earlier attempt opened: where it was dispatched and only the answer was
   *     lost, nothing is selected a second time
   */
  private TriggerResult againOnce(
      long run, Reselection how, AtomicReference<Opening.@Nullable Select> begun)
      throws SQLException, InterruptedException {
    Optional<TriggerResult> closed = closed();
    if (closed.isPresent()) {
      return closed.get();
    }
    int batchId = new Batches(database.jdbi()).find(plan.batch().toString()).orElseThrow().id();
    TriggerResult result =
        openAndSelect(
            batchId,
            true,
            self -> {
              Opening.@Nullable Select before = begun.get();
              Opening opened =
                  before == null
                      ? runs().again(run, how, revision, trigger.timeout(), self)
                      : runs().resume(before, self);
              if (opened instanceof Opening.Select select) {
                begun.set(select);
              }
              return opened;
            });
    return result instanceof TriggerResult.AlreadyDispatched(_, RunState state)
        ? overtaken(run, state)
        : result;
  }

  /** The run was taken from the process that selected for it once more. */
  private static TriggerResult overtaken(long run, RunState state) {
    return state == RunState.Cancelled
        ? new TriggerResult.Failed(run, "it was cancelled meanwhile", state)
        : new TriggerResult.TryAgain(
            "Another process took over the selection for run %d.".formatted(run));
  }

  private Runs runs() {
    return new Runs(database.jdbi(), new SecureRandom());
  }

  /** What keeps this process from firing; empty: nothing. */
  private Optional<TriggerResult> closed() throws SQLException {
    try (Connection connection = database.dataSource().getConnection()) {
      SchemaState schema = SchemaState.read(connection);
      if (!(schema instanceof SchemaState.Current)) {
        return Optional.of(new TriggerResult.TryAgain(schema.sentence()));
      }
      Optional<String> refusal = admission.refusal(connection);
      if (refusal.isPresent()) {
        return refusal.map(TriggerResult.TryAgain::new);
      }
    }
    return new Batches(database.jdbi()).find(plan.batch().toString()).isPresent()
        ? Optional.empty()
        : Optional.of(
            new TriggerResult.TryAgain(
                "The batch %s is not registered in this database yet; the operator (or `koyomi dev`) does that."
                    .formatted(plan.batch())));
  }

  /**
   * @param again the run has selected before, or is asked for once more
   * @param opening what opens the run, given the row of this process
   */
  private TriggerResult openAndSelect(int batchId, boolean again, LongFunction<Opening> opening)
      throws SQLException, InterruptedException {
    Workers workers = new Workers(database.jdbi());
    long self = workers.join(pod, Workers.Kind.Trigger, batchId);
    try (Beat beat = new Beat(database.jdbi(), () -> workers.heartbeat(self)).start()) {
      Duration waited = Duration.ZERO;
      while (true) {
        Opening opened = opening.apply(self);
        if (opened instanceof Opening.Select select) {
          return select(select, again || select.rest());
        }
        if (!(opened instanceof Opening.SelectedByAnother(long run))) {
          return sent != null && opened instanceof Opening.AlreadyDispatched(_, RunState state)
              ? sent.landed(state)
              : result(opened);
        }
        if (waited.compareTo(trigger.timeout()) >= 0) {
          return new TriggerResult.TryAgain(
              "Another process still selects for run %d; it is alive, so this one gives way."
                  .formatted(run));
        }
        beat.runOnce();
        pause.await(LOOK);
        waited = waited.plus(LOOK);
      }
    } finally {
      workers.leave(self);
    }
  }

  private static TriggerResult result(Opening opening) {
    return switch (opening) {
      case Opening.AlreadyDispatched(long run, RunState state) ->
          new TriggerResult.AlreadyDispatched(run, state);
      case Opening.Skipped(long run, String message) -> new TriggerResult.Skipped(run, message);
      case Opening.Select _, Opening.SelectedByAnother _ ->
          throw new IllegalStateException("not an ending: " + opening);
    };
  }

  private TriggerResult select(Opening.Select opened, boolean again) throws SQLException {
    Selection selection = new Selection(opened);
    long run = opened.run();
    try (Connection connection = database.dataSource().getConnection()) {
      try {
        LOG.atInfo()
            .addKeyValue("run", run)
            .addKeyValue("logicalDate", opened.logicalDate())
            .log("selecting");
        Selection.Counts counts = select(selection, connection, opened.logicalDate());
        boolean failWhenEmpty = trigger.onEmpty() == Trigger.OnEmpty.Fail;
        sent = new Sent(opened, counts);
        selection.dispatch(connection, counts, failWhenEmpty);
        return again
            ? dispatchedAgain(connection, opened, counts)
            : dispatched(opened, counts, failWhenEmpty);
      } catch (Selection.Refused e) {
        String message = withCancelled(e.sentence(), opened);
        selection.fail(connection, e.reason(), message);
        return new TriggerResult.Refused(run, message);
      } catch (SQLException e) {
        return failed(selection, connection, opened, again, e);
      }
    }
  }

  private Selection.Counts select(Selection selection, Connection connection, LocalDate logicalDate)
      throws SQLException, Selection.Refused {
    if (source.isEmpty()) {
      return selection.select(connection, plan, values(logicalDate));
    }
    try (Connection from = connected(source.get())) {
      return selection.select(connection, from, plan, values(logicalDate));
    }
  }

  private static Map<String, String> values(LocalDate logicalDate) {
    return Map.of("logicalDate", logicalDate.toString());
  }

  private static Connection connected(Database source) throws SQLException {
    try {
      return source.dataSource().getConnection();
    } catch (SQLException e) {
      // Two databases are in question: say which one.
      throw new SQLException("spec.trigger.database: " + Words.of(e), e.getSQLState(), e);
    }
  }

  /** So that it can be read should nobody come after; the connection may be what is broken. */
  private static void noteIfPossible(
      Selection selection, Connection connection, String sentence, SQLException cause) {
    try {
      selection.note(connection, sentence);
    } catch (SQLException e) {
      cause.addSuppressed(e);
    }
  }

  private static TriggerResult dispatched(
      Opening.Select opened, Selection.Counts counts, boolean failWhenEmpty) {
    RunState state =
        counts.selected() > 0
            ? RunState.Running
            : failWhenEmpty ? RunState.Failed : RunState.Succeeded;
    return new TriggerResult.Dispatched(
        opened.run(), opened.logicalDate(), counts.selected(), counts.duplicates(), state);
  }

  private TriggerResult dispatchedAgain(
      Connection connection, Opening.Select opened, Selection.Counts counts) throws SQLException {
    if (counts.selected() == 0) {
      // Nobody ends a job of this run any more: whether it is over is asked here.
      new Slices(List.of()).finish(connection, opened.run());
    }
    return new TriggerResult.Dispatched(
        opened.run(),
        opened.logicalDate(),
        counts.selected(),
        counts.duplicates(),
        counts.settled(),
        runs().state(opened.run()));
  }

  /** What was cancelled before the selection stays cancelled when that fails. */
  private String withCancelled(String message, Opening.Select opened) {
    return opened.cleared() == 0
        ? message
        : String.format(
            Locale.ROOT,
            "%s%s %,d waiting %s cancelled before it; `koyomi redispatch %s` selects %s.",
            message,
            message.endsWith(".") ? "" : ".",
            opened.cleared(),
            opened.cleared() == 1 ? "job was" : "jobs were",
            plan.batch().name(),
            opened.cleared() == 1 ? "it" : "them");
  }

  private String inWords(SQLException e, String sentence) {
    return "57014".equals(e.getSQLState())
        ? "the selection took longer than spec.trigger.timeout = %ds"
            .formatted(trigger.timeout().toSeconds())
        : "spec.trigger.sql: " + sentence;
  }

  /**
   * A wrong query ends the run; anything else leaves it to who comes after, with the reason noted.
   * A run that selects again goes on with what it has, or is over: nobody comes after.
   */
  private TriggerResult failed(
      Selection selection,
      Connection connection,
      Opening.Select opened,
      boolean again,
      SQLException e)
      throws SQLException {
    long run = opened.run();
    if (Selection.TAKEN_OVER.equals(e.getSQLState())) {
      return new TriggerResult.AlreadyDispatched(run, runs().state(run));
    }
    return switch (Fault.of(e).orElse(new Fault.Other(String.valueOf(e.getMessage())))) {
      case Fault.TryAgain(String sentence) -> {
        noteIfPossible(selection, connection, withCancelled(sentence, opened), e);
        throw e;
      }
      case Fault.Definition(String sentence) -> {
        String message = withCancelled("spec.trigger.sql: " + sentence, opened);
        selection.fail(connection, "SelectionFailed", message);
        yield new TriggerResult.Refused(run, message);
      }
      case Fault.Other(String sentence) -> {
        String message = withCancelled(inWords(e, sentence), opened);
        if (again) {
          selection.fail(connection, "SelectionFailed", message);
        } else {
          selection.note(connection, message);
        }
        yield new TriggerResult.Failed(run, message, runs().state(run));
      }
    };
  }
}
