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
import dev.koyomi.runner.queue.Workers.Kind;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;

/** This project: jobs by the doors that its users have, worked by a worker process in this JVM. */
final class Koyomi implements Contender {
  /** How its units commit, and whether they may become procedures. */
  record Mode(String commit, boolean compiled, int slots) {}

  private static final String NOOP_EACH = "SELECT :subscriptionId::int";

  private static final String INVOICE_EACH =
      """
      SELECT price_cents FROM subscription WHERE id = :subscriptionId FOR UPDATE;
      INSERT INTO invoice (subscription_id, billing_date, amount_cents)
      SELECT id, :billingDate, price_cents FROM subscription WHERE id = :subscriptionId
      """;

  private final DatabaseAddress address;
  private final Database database;
  private final Mode mode;

  private Koyomi(DatabaseAddress address, Database database, Mode mode) {
    this.address = address;
    this.database = database;
    this.mode = mode;
  }

  static Maker with(Mode mode) {
    return address -> {
      Database database =
          Database.pooled(
              address, "bench", CLIENTS, Duration.ofSeconds(10), Duration.ofMinutes(10));
      new Migration(database).run();
      Koyomi koyomi = new Koyomi(address, database, mode);
      koyomi.register(Work.NOOP);
      return koyomi;
    };
  }

  private Planned.Valid register(Work work) throws ManifestProblem {
    String sql =
        switch (work) {
          case NOOP -> NOOP_EACH;
          case INVOICE -> INVOICE_EACH;
        };
    String manifest =
        """
        apiVersion: koyomi.dev/v1alpha1
        kind: BatchSchedule
        metadata: {name: work, namespace: bench}
        spec:
          trigger: {sql: 'SELECT 1 AS key, 1 AS "subscriptionId", 2 AS "billingDate"', maxJobs: 100000000}
          workers: {concurrency: %d}
          unit:
            commit: %s
            sql: |
        %s
        """
            .formatted(mode.slots, mode.commit, sql.indent(6));
    Planned.Valid batch = (Planned.Valid) Planner.plan(Manifests.read(manifest).getFirst());
    new Batches(database.jdbi())
        .register("bench/work", "bench", System.nanoTime(), batch.definition().json());
    return batch;
  }

  @Override
  public void enqueueAll(int jobs) throws Exception {
    Planned.Valid batch = register(Work.NOOP);
    int batchId = batchId();
    Runs runs = new Runs(database.jdbi(), new SecureRandom());
    long self =
        new dev.koyomi.runner.queue.Workers(database.jdbi()).join("bench", Kind.Trigger, batchId);
    Opening.Select opened =
        (Opening.Select)
            runs.open(
                new Firing(
                    batchId,
                    Instant.now(),
                    "bench/" + System.nanoTime(),
                    null,
                    LocalDate.parse(BILLING_DATE),
                    "r",
                    false,
                    Duration.ofHours(1),
                    true),
                self);
    Selection selection = new Selection(opened);
    try (Connection connection = database.dataSource().getConnection()) {
      Selection.Counts counts =
          selection.select(
              connection,
              batch.plan(),
              List.of("subscriptionId", "billingDate"),
              "ns",
              sink -> {
                for (int id = 1; id <= jobs; id++) {
                  String text = Integer.toString(id);
                  sink.add(text, text, BILLING_DATE);
                }
              });
      selection.dispatch(connection, counts, false);
    }
  }

  private int batchId() {
    return new Batches(database.jdbi()).find("bench/work").orElseThrow().id();
  }

  @Override
  public void enqueueOne(int id) throws SQLException {
    try (Connection connection = database.dataSource().getConnection();
        PreparedStatement enqueue =
            connection.prepareStatement(
                "select koyomi.enqueue('bench/work', ?, jsonb_build_object('subscriptionId', ?,"
                    + " 'billingDate', ?))")) {
      enqueue.setString(1, Integer.toString(id));
      enqueue.setInt(2, id);
      enqueue.setString(3, BILLING_DATE);
      enqueue.execute();
    }
  }

  @Override
  public int connections() {
    return 0;
  }

  @Override
  public boolean runsUnitsOnTheServer() {
    return true;
  }

  @Override
  public Workers start(Unit unit) throws Exception {
    Planned.Valid batch = register(unit.work());
    Database own =
        Database.pooled(
            address, "work", mode.slots + 2, Duration.ofSeconds(10), Duration.ofMinutes(1));
    WorkerProcess worker =
        new WorkerProcess(
            own,
            batch.plan(),
            batchId(),
            new WorkerProcess.Settings(
                "bench",
                EndRule.Stopped,
                mode.compiled,
                Duration.ofSeconds(5),
                Duration.ofSeconds(10)),
            System::nanoTime);
    worker.start();
    return () -> {
      worker.close();
      own.close();
    };
  }

  @Override
  public long left() throws SQLException {
    return Pools.number(
        database.dataSource(),
        "select coalesce(sum(waiting + running), 0)::bigint from koyomi.backlog");
  }

  @Override
  public long succeeded() throws SQLException {
    return Pools.number(
        database.dataSource(), "select coalesce(sum(succeeded), 0)::bigint from koyomi.runs");
  }

  @Override
  public void close() {
    database.close();
  }
}
