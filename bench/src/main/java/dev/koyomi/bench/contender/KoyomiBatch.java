package dev.koyomi.bench.contender;

import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Firing;
import dev.koyomi.runner.queue.Opening;
import dev.koyomi.runner.queue.Runs;
import dev.koyomi.runner.queue.Selection;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.queue.Workers.Kind;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.concurrent.ThreadFactory;

/** One batch of this project in an empty database: registered, filled and worked. */
public final class KoyomiBatch implements AutoCloseable {
  public static final String NAME = "bench/work";

  /** Beside the slots: heartbeat, and the look at what is left. */
  private static final int MORE_CONNECTIONS = 2;

  private final DatabaseAddress address;
  private final Database database;

  private KoyomiBatch(DatabaseAddress address, Database database) {
    this.address = address;
    this.database = database;
  }

  /**
   * What its manifest says.
   *
   * @param order as in {@code spec.job.order}
   * @param commit as in {@code spec.unit.commit}
   */
  public record Form(String order, String commit, int slots, String sql) {
    /** Jobs in any order. */
    public Form(String commit, int slots, String sql) {
      this("{mode: Unordered}", commit, slots, sql);
    }

    /** The manifest as text. */
    public String manifest() {
      return """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: work, namespace: bench}
      spec:
        trigger: {sql: 'SELECT 1 AS key ORDER BY key', maxJobs: 100000000}
        job: {order: %s}
        workers: {concurrency: %d}
        unit:
          commit: %s
          sql: |
      %s
      """
          .formatted(order, slots, commit, sql.indent(6));
    }
  }

  /** Makes the queue's schema in an empty database. */
  public static KoyomiBatch open(DatabaseAddress address, int connections) throws SQLException {
    Database database =
        Database.pooled(
            address, "bench", connections, Duration.ofSeconds(10), Duration.ofMinutes(30));
    new Migration(database).run();
    return new KoyomiBatch(address, database);
  }

  public Database database() {
    return database;
  }

  /** Registers the batch, or a newer definition of it. */
  public Planned.Valid register(Form form) throws ManifestProblem {
    return register(form.manifest());
  }

  /** The same by its text; it is called {@link #NAME}. */
  public Planned.Valid register(String manifest) throws ManifestProblem {
    Planned.Valid batch = (Planned.Valid) Planner.plan(Manifests.read(manifest).getFirst());
    new Batches(database.jdbi())
        .register(NAME, "bench", System.nanoTime(), batch.definition().json());
    return batch;
  }

  private int id() {
    return new Batches(database.jdbi()).find(NAME).orElseThrow().id();
  }

  /**
   * Enqueues a run by the way of a trigger that makes its rows in this process.
   *
   * @param names columns of the payload
   * @param kinds a letter for each: n number, s string
   */
  public long enqueue(Planned.Valid batch, List<String> names, String kinds, Selection.Rows rows)
      throws SQLException, Selection.Refused {
    Runs runs = new Runs(database.jdbi(), new SecureRandom());
    long self = new Workers(database.jdbi()).join("bench", Kind.Trigger, id());
    Opening.Select opened =
        (Opening.Select)
            runs.open(
                new Firing(
                    id(),
                    Instant.now(),
                    "bench/" + System.nanoTime(),
                    null,
                    LocalDate.parse(Contender.BILLING_DATE),
                    "r",
                    false,
                    Duration.ofHours(1),
                    true),
                self);
    Selection selection = new Selection(opened);
    try (Connection connection = database.dataSource().getConnection()) {
      Selection.Counts counts = selection.select(connection, batch.plan(), names, kinds, rows);
      selection.dispatch(connection, counts, false);
    }
    return opened.run();
  }

  /** Starts a worker process in this JVM. */
  public Contender.Workers start(Planned.Valid batch, boolean compiled, ThreadFactory slots)
      throws SQLException {
    Database own =
        Database.pooled(
            address,
            "work",
            batch.plan().workers().concurrency() + MORE_CONNECTIONS,
            Duration.ofSeconds(10),
            Duration.ofMinutes(1));
    WorkerProcess worker =
        new WorkerProcess(
            own,
            batch.plan(),
            id(),
            new WorkerProcess.Settings(
                "bench",
                EndRule.Stopped,
                compiled,
                Duration.ofSeconds(5),
                Duration.ofSeconds(10),
                Duration.ofSeconds(10),
                slots),
            System::nanoTime);
    worker.start();
    return () -> {
      worker.close();
      own.close();
    };
  }

  public static ThreadFactory platformThreads() {
    return Thread.ofPlatform().name("slot-", 1).factory();
  }

  /** When the first slice was leased, by the clock that this process shares with the server. */
  public Instant begun() throws SQLException {
    return Instant.EPOCH.plusNanos(
        1000
            * number(
                "select coalesce(extract(epoch from min(began_at)) * 1e6, 0)::bigint from"
                    + " koyomi.work"));
  }

  /** Whether nothing is left, at little cost. */
  public boolean drained() throws SQLException {
    // From the end: what is left is what was stored last, and dead rows are not walked over.
    return number(
            """
            select (select count(*) from (select id from koyomi.slice order by id desc limit 1) s)
                 + (select count(*) from (select id from koyomi.inbox order by id desc limit 1) i)
                 + (select count(*) from (select 1 from koyomi.failure where not cut limit 1) f)
            """)
        == 0;
  }

  /** Jobs that have not ended. */
  public long left() throws SQLException {
    return number("select coalesce(sum(waiting + running), 0)::bigint from koyomi.backlog");
  }

  /** Jobs that succeeded, those of slices at work included. */
  public long succeeded() throws SQLException {
    return number("select coalesce(sum(succeeded), 0)::bigint from koyomi.runs");
  }

  public long number(String query) throws SQLException {
    return Pools.number(database.dataSource(), query);
  }

  public void execute(String script) throws SQLException {
    Pools.execute(database.dataSource(), script);
  }

  @Override
  public void close() {
    database.close();
  }
}
