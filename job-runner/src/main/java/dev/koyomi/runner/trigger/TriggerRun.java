package dev.koyomi.runner.trigger;

import dev.koyomi.crds.Overlap;
import dev.koyomi.crds.Trigger;
import dev.koyomi.crds.occurrence.Timetable;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.db.SchemaState;
import dev.koyomi.runner.db.Words;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Firing;
import dev.koyomi.runner.queue.Opening;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.queue.Runs;
import dev.koyomi.runner.queue.Selection;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.upkeep.Beat;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
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
  private final String pod;
  private final Pause pause;

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
    this(database, Optional.empty(), plan, revision, pod, pause);
  }

  /**
   * @param database of the queue
   * @param source what the trigger's query runs in; empty: the queue's database
   * @param plan with a trigger
   */
  public TriggerRun(
      Database database,
      Optional<Database> source,
      Plan plan,
      String revision,
      String pod,
      Pause pause) {
    this.database = database;
    this.source = source;
    this.plan = plan;
    this.trigger = Objects.requireNonNull(plan.trigger());
    this.revision = revision;
    this.pod = pod;
    this.pause = pause;
  }

  /** Does all that the firing asks for; an unreachable database is tried a few times. */
  public TriggerResult fire(Fired fired) throws InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return fireOnce(fired);
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
    try (Connection connection = database.dataSource().getConnection()) {
      SchemaState schema = SchemaState.read(connection);
      if (!(schema instanceof SchemaState.Current)) {
        return new TriggerResult.TryAgain(schema.sentence());
      }
    }
    Batches batches = new Batches(database.jdbi());
    Optional<Batches.Batch> batch = batches.find(plan.batch().toString());
    if (batch.isEmpty()) {
      return new TriggerResult.TryAgain(
          "The batch %s is not registered in this database yet; the operator (or `koyomi dev`) does that."
              .formatted(plan.batch()));
    }
    int batchId = batch.get().id();
    Runs runs = new Runs(database.jdbi(), new SecureRandom());
    Firing firing = firing(batchId, fired);
    if (fired instanceof Fired.Slot slot) {
      Optional<String> tooEarly = beforeWatermark(batches, batchId, slot);
      // A run that is there goes on: its selector may have died before the schedule was changed.
      if (tooEarly.isPresent() && !runs.exists(firing)) {
        return result(runs.skip(firing, "BeforeScheduleChange", tooEarly.get()));
      }
    }
    return openAndSelect(runs, firing, batchId);
  }

  private Firing firing(int batchId, Fired fired) {
    return switch (fired) {
      case Fired.Slot(Instant occurrence, String cronJob) ->
          firing(
              batchId,
              occurrence,
              "",
              entriesAt(occurrence).findFirst().or(() -> entryOf(cronJob)),
              false);
      case Fired.SlotByPerson(Instant occurrence) ->
          firing(batchId, occurrence, "", entriesAt(occurrence).findFirst(), true);
      case Fired.Request(String request, Instant occurrence) ->
          firing(batchId, occurrence, request, Optional.empty(), false);
    };
  }

  private Firing firing(
      int batchId, Instant occurrence, String request, Optional<String> entry, boolean byPerson) {
    return new Firing(
        batchId,
        occurrence,
        request,
        entry.orElse(null),
        LocalDate.ofInstant(occurrence, plan.timeZone()),
        revision,
        plan.overlap() == Overlap.Policy.Skip,
        trigger.timeout(),
        byPerson);
  }

  /**
   * Entries that fire at the same instant are one run, under the name of the first in the manifest.
   */
  private Stream<String> entriesAt(Instant occurrence) {
    return plan.entries().stream()
        .filter(
            entry ->
                Timetable.between(
                        entry.cron(), plan.timeZone(), occurrence.minusSeconds(1), occurrence)
                    .anyMatch(occurrence::equals))
        .map(Plan.Entry::name);
  }

  private Optional<String> entryOf(String cronJob) {
    return plan.entries().stream()
        .filter(entry -> entry.cronJob().equals(cronJob))
        .map(Plan.Entry::name)
        .findFirst();
  }

  /**
   * CronJob fires the newest slot of a changed cron at once, also when it lies before the change.
   * The slot is another entry's too where that one fires at the same instant, and has been for
   * longer.
   */
  private Optional<String> beforeWatermark(Batches batches, int batchId, Fired.Slot slot) {
    List<Instant> watermarks =
        Stream.concat(entryOf(slot.cronJob()).stream(), entriesAt(slot.occurrence()))
            .flatMap(entry -> batches.watermark(batchId, entry).stream())
            .toList();
    if (watermarks.isEmpty()) {
      return Optional.of("the schedule entry of CronJob %s was removed".formatted(slot.cronJob()));
    }
    Instant first = Collections.min(watermarks);
    return slot.occurrence().isBefore(first)
        ? Optional.of("the slot lies before the schedule was made or changed (%s)".formatted(first))
        : Optional.empty();
  }

  private TriggerResult openAndSelect(Runs runs, Firing firing, int batchId)
      throws SQLException, InterruptedException {
    Workers workers = new Workers(database.jdbi());
    long self = workers.join(pod, Workers.Kind.Trigger, batchId);
    try (Beat beat = new Beat(database.jdbi(), () -> workers.heartbeat(self)).start()) {
      Duration waited = Duration.ZERO;
      while (true) {
        Opening opening = runs.open(firing, self);
        if (opening instanceof Opening.Select select) {
          return select(select);
        }
        if (!(opening instanceof Opening.SelectedByAnother(long run))) {
          return result(opening);
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

  private TriggerResult select(Opening.Select opened) throws SQLException {
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
        selection.dispatch(connection, counts, failWhenEmpty);
        return dispatched(opened, counts, failWhenEmpty);
      } catch (Selection.Refused e) {
        selection.fail(connection, e.reason(), e.sentence());
        return new TriggerResult.Refused(run, e.sentence());
      } catch (SQLException e) {
        return failed(selection, connection, run, e);
      }
    }
  }

  private Selection.Counts select(Selection selection, Connection connection, LocalDate logicalDate)
      throws SQLException, Selection.Refused {
    Map<String, String> values = Map.of("logicalDate", logicalDate.toString());
    if (source.isEmpty()) {
      return selection.select(connection, plan, values);
    }
    try (Connection from = connected(source.get())) {
      return selection.select(connection, from, plan, values);
    }
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

  /**
   * A wrong query ends the run; anything else leaves it to who comes after, with the reason noted.
   */
  private TriggerResult failed(Selection selection, Connection connection, long run, SQLException e)
      throws SQLException {
    if (Selection.TAKEN_OVER.equals(e.getSQLState())) {
      return new TriggerResult.AlreadyDispatched(
          run, new Runs(database.jdbi(), new SecureRandom()).state(run));
    }
    return switch (Fault.of(e).orElse(new Fault.Other(String.valueOf(e.getMessage())))) {
      case Fault.TryAgain(String sentence) -> {
        noteIfPossible(selection, connection, sentence, e);
        throw e;
      }
      case Fault.Definition(String sentence) -> {
        String message = "spec.trigger.sql: " + sentence;
        selection.fail(connection, "SelectionFailed", message);
        yield new TriggerResult.Refused(run, message);
      }
      case Fault.Other(String sentence) -> {
        String message =
            "57014".equals(e.getSQLState())
                ? "the selection took longer than spec.trigger.timeout = %ds"
                    .formatted(trigger.timeout().toSeconds())
                : "spec.trigger.sql: " + sentence;
        selection.note(connection, message);
        yield new TriggerResult.Failed(run, message);
      }
    };
  }
}
