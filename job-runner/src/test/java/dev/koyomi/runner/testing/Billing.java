package dev.koyomi.runner.testing;

import dev.koyomi.crds.plan.Definition;
import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.LeaseAnswer;
import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.trigger.TriggerRun;
import dev.koyomi.runner.unit.SqlUnits;
import dev.koyomi.runner.unit.Stride;
import dev.koyomi.runner.unit.Units;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.LongSupplier;

/**
 * A small billing batch in a test's database. The invoice table has no unique key and the trigger
 * no NOT EXISTS: only the queue stands between a customer and a second invoice.
 */
public final class Billing {
  /** Midnight of 1 November 2026 in the batch's zone. */
  public static final Instant SLOT = Instant.parse("2026-10-31T16:00:00Z");

  private static final String MANIFEST =
      """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: invoices, namespace: billing}
      spec:
        timeZone: Asia/Tokyo
        schedules: [{name: nightly, cron: "0 1 * * *"}]
        overlap: {policy: Skip}
        trigger:
          sql: SELECT id AS key, id AS "subscriptionId", :logicalDate AS "billingDate" FROM subscription WHERE active ORDER BY id
          timeout: 1m
        job: {retry: {maxAttempts: 2, backoff: {initial: 10ms, jitter: 0}}}
        unit:
          sql: |
            INSERT INTO invoice (subscription_id, billing_date, amount)
            SELECT id, :billingDate, fee FROM subscription WHERE id = :subscriptionId
          timeout: 10s
        workers: {concurrency: 4, stopWithin: 20s}
      """;

  private final TestDatabase database;
  private final Plan plan;
  private final Definition definition;
  private final int batchId;

  private Billing(TestDatabase database, String manifest) {
    this.database = database;
    Planned planned = planned(manifest);
    if (!(planned instanceof Planned.Valid(Plan valid, Definition written))) {
      throw new IllegalArgumentException(planned.toString());
    }
    this.plan = valid;
    this.definition = written;
    Batches batches = new Batches(database.jdbi());
    batches.register(plan.batch().toString(), "test", 1, definition.json());
    this.batchId = batches.find(plan.batch().toString()).orElseThrow().id();
  }

  /** Empties the queue and makes as many subscriptions as asked for. */
  public static Billing with(TestDatabase database, int subscriptions) {
    return with(database, subscriptions, MANIFEST);
  }

  public static Billing with(TestDatabase database, int subscriptions, String manifest) {
    database.clear();
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("update koyomi.meta set beat_at = '-infinity'");
              handle.execute("drop table if exists invoice, subscription cascade");
              handle.execute(
                  "create table subscription (id int primary key, active boolean not null default"
                      + " true, fee numeric)");
              handle.execute(
                  "create table invoice (id bigint generated always as identity, subscription_id"
                      + " int, billing_date date, amount numeric not null)");
              handle.execute(
                  "insert into subscription (id, fee) select g, g from generate_series(1, ?) g",
                  subscriptions);
            });
    return new Billing(database, manifest);
  }

  private static Planned planned(String manifest) {
    try {
      return Planner.plan(Manifests.read(manifest).getFirst());
    } catch (ManifestProblem e) {
      throw new IllegalArgumentException(manifest, e);
    }
  }

  /** The manifest with one text replaced by another. */
  public static String manifest(String text, String replacement) {
    if (!MANIFEST.contains(text)) {
      throw new IllegalArgumentException("not in the manifest: " + text);
    }
    return MANIFEST.replace(text, replacement);
  }

  /** The manifest with other statements for its Unit. */
  public static String unit(String sql) {
    return manifest(
        MANIFEST.substring(
            MANIFEST.indexOf("  sql: |\n") + 9, MANIFEST.indexOf("    timeout: 10s")),
        "      " + sql.strip().replace("\n", "\n      ") + "\n");
  }

  /** A manifest of these with more columns in the trigger's query. */
  public static String selecting(String manifest, String columns) {
    String trigger =
        manifest.lines().filter(line -> line.contains("sql: SELECT")).findFirst().get();
    return manifest.replace(
        trigger,
        trigger
            .replace("sql: ", "sql: |\n      ")
            .replace("id AS \"subscriptionId\",", "id AS \"subscriptionId\", " + columns + ","));
  }

  /** The manifest with another commit mode, as in {@code {mode: Many, jobs: 7}}. */
  public static String committing(String manifest, String commit) {
    return manifest.replace("timeout: 10s", "timeout: 10s\n    commit: " + commit);
  }

  /** What a manifest is registered with. */
  public static String definition(String manifest) {
    if (!(planned(manifest) instanceof Planned.Valid(Plan _, Definition written))) {
      throw new IllegalArgumentException(manifest);
    }
    return written.json();
  }

  public Plan plan() {
    return plan;
  }

  public Definition definition() {
    return definition;
  }

  public int batchId() {
    return batchId;
  }

  public TriggerRun trigger() {
    return trigger(_ -> Thread.onSpinWait());
  }

  public TriggerRun trigger(TriggerRun.Pause pause) {
    return new TriggerRun(
        database.database(), plan, definition.revision(), "trigger-" + UUID.randomUUID(), pause);
  }

  public TriggerResult fire() throws InterruptedException {
    return trigger().fire(new Fired.SlotByPerson(SLOT));
  }

  public WorkerProcess worker(EndRule endRule) {
    return worker(endRule, System::nanoTime);
  }

  public WorkerProcess worker(EndRule endRule, LongSupplier nanoTime) {
    return worker(WorkerProcess.Settings.usual("worker-" + UUID.randomUUID(), endRule), nanoTime);
  }

  public WorkerProcess worker(WorkerProcess.Settings settings, LongSupplier nanoTime) {
    return new WorkerProcess(database.database(), plan, batchId, settings, nanoTime);
  }

  /** Joins the queue as a worker that nobody sees work. */
  public long join() {
    return new Workers(database.jdbi()).join("pod", Workers.Kind.Worker, batchId);
  }

  /** Leases what a slot would lease next. */
  public Optional<LeasedSlice> lease(Connection connection, long worker) throws SQLException {
    connection.setAutoCommit(true);
    LeaseAnswer answer =
        slices()
            .lease(
                connection,
                new Slices.Ask(
                    worker,
                    new SecureRandom().nextLong(),
                    false,
                    true,
                    List.of(),
                    true,
                    Integer.MAX_VALUE));
    return answer instanceof LeaseAnswer.Leased(LeasedSlice slice)
        ? Optional.of(slice)
        : Optional.empty();
  }

  public Slices slices() {
    return new Slices(List.copyOf(plan.unit().sql().needed()));
  }

  /** Works one job of a slice. */
  public Stride work(Connection connection, LeasedSlice slice, int at) throws SQLException {
    return units(true).on(connection).run(new Units.Range(slice, at, at + 1), null);
  }

  public SqlUnits units(boolean compiled) {
    return new SqlUnits(plan.unit(), compiled, System::nanoTime);
  }

  /** Works until no run is open; Units are compiled or sent as they are. */
  public void drain(boolean compiled) throws InterruptedException, SQLException {
    work(EndRule.Drained, compiled);
  }

  /** Works what is due. */
  public void workOnce(boolean compiled) throws InterruptedException, SQLException {
    work(EndRule.Once, compiled);
  }

  private void work(EndRule endRule, boolean compiled) throws InterruptedException, SQLException {
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "worker-" + UUID.randomUUID(),
            endRule,
            compiled,
            Duration.ofSeconds(5),
            Duration.ofSeconds(10));
    try (WorkerProcess worker = worker(settings, System::nanoTime).start()) {
      worker.awaitEnd();
    }
  }

  /** Works until no run is open. */
  public void drain() throws InterruptedException, SQLException {
    try (WorkerProcess worker = worker(EndRule.Drained).start()) {
      worker.awaitEnd();
    }
  }

  public long count(String sql) {
    return database.jdbi().withHandle(handle -> handle.createQuery(sql).mapTo(Long.class).one());
  }

  public void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.createUpdate(sql).execute());
  }

  public String text(String sql) {
    return database.jdbi().withHandle(handle -> handle.createQuery(sql).mapTo(String.class).one());
  }

  /** The only run, as {@code state selected/succeeded/skipped/dead}. */
  public String run() {
    return text(
        "select format('%s %s/%s/%s/%s', state, selected, succeeded, skipped, dead) from"
            + " koyomi.runs");
  }
}
