package dev.koyomi.bench;

import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.bench.contender.Pools;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.trigger.TriggerRun;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Enqueue of a million targets by the trigger, from the firing to the dispatched run, beside a bare
 * {@code INSERT … SELECT} of the same rows, each value as the same text, into a plain table.
 */
final class Trigger {
  private static final int TARGETS = 1_000_000;

  private static final String SUBSCRIPTIONS =
      "create table subscription as select g as id, true as active from generate_series(1, %d) g";

  private static final String MANIFEST =
      """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: enqueue, namespace: bench}
      spec:
        overlap: {policy: Allow}
        trigger:
          sql: SELECT id AS key, id AS "subscriptionId", :logicalDate AS "billingDate" FROM subscription WHERE active
          maxJobs: 100000000
        unit: {sql: "SELECT :subscriptionId::int"}
      """;

  private final Server server;

  private Trigger(Server server) {
    this.server = server;
  }

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Trigger trigger = new Trigger(server);
      Sizes sizes = Sizes.orElse(TARGETS);
      Turns turns =
          Turns.take(
              sizes.turns(),
              List.of(
                  new Turns.Entrant("bare INSERT … SELECT", sizes.jobs(), trigger::bare),
                  new Turns.Entrant("trigger", sizes.jobs(), trigger::koyomi)),
              result -> Report.told(result, "targets/s", "bytes of values each"));
      Report.ofMultiples("Trigger: targets selected and stored", "targets/s", turns).print();
    }
  }

  private Result bare(int targets) throws Exception {
    DatabaseAddress address = server.freshDatabase();
    try (HikariDataSource connections = Pools.full(address, 1, true);
        Connection connection = connections.getConnection()) {
      Pools.execute(connection, SUBSCRIPTIONS.formatted(targets));
      Pools.execute(
          connection,
          "create table plain (key text, \"subscriptionId\" text, \"billingDate\" text)");
      server.settle();
      Noise noise = server.noise();
      long begin = System.nanoTime();
      Pools.execute(
          connection,
          "insert into plain select id, id, '2026-11-01' from subscription where active");
      double seconds = (System.nanoTime() - begin) / 1e9;
      return result(
          targets,
          seconds,
          noise.cores(),
          server.number("select count(*) from plain"),
          server.number(
              """
              select sum(octet_length(key) + octet_length("subscriptionId") + octet_length("billingDate")) from plain
              """));
    }
  }

  private Result koyomi(int targets) throws Exception {
    Planned.Valid batch = planned();
    DatabaseAddress address = server.freshDatabase();
    try (Database database =
        Database.pooled(address, "bench", 4, Duration.ofSeconds(10), Duration.ofMinutes(10))) {
      new Migration(database).run();
      new Batches(database.jdbi()).register("bench/enqueue", "bench", 0, batch.definition().json());
      database.jdbi().useHandle(handle -> handle.execute(SUBSCRIPTIONS.formatted(targets)));
      server.settle();
      Noise noise = server.noise();
      long begin = System.nanoTime();
      TriggerResult result =
          new TriggerRun(
                  database,
                  batch.plan(),
                  batch.definition().revision(),
                  "bench",
                  TriggerRun.Pause.real())
              .fire(new Fired.Request("bench/once", Instant.parse("2026-11-01T00:00:00Z")));
      double seconds = (System.nanoTime() - begin) / 1e9;
      if (!(result instanceof TriggerResult.Dispatched)) {
        throw new IllegalStateException("not what was to be measured: " + result);
      }
      return result(
          targets,
          seconds,
          noise.cores(),
          server.number(
              "select coalesce(sum(c.size), 0) from koyomi.chunk c"
                  + " where exists (select from koyomi.slice s where s.chunk_id = c.id)"),
          server.number(
              """
              select sum(octet_length(v)) from koyomi.chunk c cross join lateral (
                select unnest(c.keys) as v union all select unnest(c.vals)) t
              """));
    }
  }

  private static Planned.Valid planned() throws ManifestProblem {
    return (Planned.Valid) Planner.plan(Manifests.read(MANIFEST).getFirst());
  }

  private static Result result(
      int targets, double seconds, double others, long stored, long bytes) {
    return new Result(
        targets,
        List.of(targets / seconds, (double) bytes / targets),
        others,
        stored == targets
            ? Optional.empty()
            : Optional.of("%d of %d targets are stored".formatted(stored, targets)));
  }
}
