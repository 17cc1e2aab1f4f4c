package dev.koyomi.bench;

import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.dev.LocalPostgres;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.trigger.TriggerRun;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Enqueue of a million targets by the trigger, from the firing to the dispatched run, beside a bare
 * {@code INSERT … SELECT} of the same rows into a plain table of the same server, in turns.
 */
final class Trigger {
  private static final int TARGETS = Integer.getInteger("jobs", 1_000_000);
  private static final int TURNS = Integer.getInteger("turns", 5);

  private static final String MANIFEST =
      """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: enqueue, namespace: bench}
      spec:
        overlap: {policy: Allow}
        trigger:
          sql: SELECT id AS key, id AS "subscriptionId", :logicalDate AS "billingDate" FROM subscription WHERE active
        unit: {sql: "SELECT :subscriptionId::int"}
      """;

  private final Database database;
  private final Database superuser;
  private final Planned.Valid batch;

  private Trigger(Database database, Database superuser, Planned.Valid batch) {
    this.database = database;
    this.superuser = superuser;
    this.batch = batch;
  }

  public static void main(String[] arguments) throws Exception {
    try (LocalPostgres postgres =
            LocalPostgres.start(
                Path.of("target", "postgres"), new LocalPostgres.Options(true, true, Map.of()));
        Database database =
            Database.pooled(
                postgres.address(), "bench", 4, Duration.ofSeconds(10), Duration.ofMinutes(10));
        Database superuser = Database.direct(postgres.superuser(), "bench")) {
      new Migration(database).run();
      new Trigger(database, superuser, planned()).run();
    }
  }

  private static Planned.Valid planned() throws ManifestProblem {
    return (Planned.Valid) Planner.plan(Manifests.read(MANIFEST).getFirst());
  }

  private void run() throws InterruptedException {
    new Batches(database.jdbi()).register("bench/enqueue", "bench", 0, batch.definition().json());
    execute(
        "create table subscription as select g as id, true as active from generate_series(1, %d) g"
            .formatted(TARGETS),
        "vacuum analyze subscription",
        "create table plain (key text, \"subscriptionId\" int, \"billingDate\" text)");
    System.out.printf("%,d targets, %d turns after one to warm up%n%n", TARGETS, TURNS);
    System.out.println("turn   bare INSERT … SELECT      trigger: selected, dispatched     ratio");
    List<Double> ratios = new ArrayList<>();
    for (int turn = 0; turn <= TURNS; turn++) {
      double bare = secondsOf(this::bare);
      double koyomi = secondsOf(this::koyomi);
      if (turn > 0) {
        ratios.add(bare / koyomi);
        System.out.printf(
            "%4d   %6.2f s  %,9.0f rows/s   %6.2f s  %,9.0f jobs/s   %12.2f%n",
            turn, bare, TARGETS / bare, koyomi, TARGETS / koyomi, bare / koyomi);
      }
    }
    ratios.sort(null);
    System.out.printf(
        "%nmedian: the trigger enqueues at %.2f × the rate of the bare statement%n",
        ratios.get(TURNS / 2));
  }

  private void bare() {
    execute("insert into plain select id, id, '2026-11-01' from subscription where active");
  }

  private void koyomi() throws InterruptedException {
    TriggerResult result =
        new TriggerRun(
                database,
                batch.plan(),
                batch.definition().revision(),
                "bench",
                TriggerRun.Pause.real())
            .fire(
                new Fired.Request(
                    "bench/" + System.nanoTime(), Instant.parse("2026-11-01T00:00:00Z")));
    if (!(result instanceof TriggerResult.Dispatched dispatched)
        || dispatched.selected() != TARGETS) {
      throw new IllegalStateException("not what was to be measured: " + result);
    }
  }

  private interface Work {
    void run() throws InterruptedException;
  }

  /** Each turn starts from empty tables and a finished checkpoint. */
  private double secondsOf(Work work) throws InterruptedException {
    execute("truncate plain, koyomi.slice, koyomi.chunk");
    superuser.jdbi().useHandle(handle -> handle.execute("checkpoint"));
    long begin = System.nanoTime();
    work.run();
    return (System.nanoTime() - begin) / 1e9;
  }

  private void execute(String... statements) {
    database
        .jdbi()
        .useHandle(
            handle -> {
              for (String statement : statements) {
                handle.execute(statement);
              }
            });
  }
}
