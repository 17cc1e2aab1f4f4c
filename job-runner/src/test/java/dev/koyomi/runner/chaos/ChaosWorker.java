package dev.koyomi.runner.chaos;

import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.worker.EndRule;
import dev.koyomi.runner.worker.WorkerProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A worker process to be killed, frozen and cut off. It waits a twentieth of the usual times, and
 * its beats are as short as the queue says; its clock jumps when a line on its standard input says
 * so. The end of the input ends it as SIGTERM would.
 */
final class ChaosWorker {
  private ChaosWorker() {}

  /** Arguments: JDBC URL, user, password, manifest, name, whether Units may be compiled. */
  public static void main(String[] arguments) throws Exception {
    Plan plan =
        ((Planned.Valid)
                Planner.plan(Manifests.read(Files.readString(Path.of(arguments[3]))).getFirst()))
            .plan();
    AtomicLong jump = new AtomicLong();
    try (Database database =
        Database.pooled(
            new DatabaseAddress(arguments[0], arguments[1], arguments[2]),
            "chaos",
            plan.workers().concurrency() + 2,
            Duration.ofSeconds(2),
            Duration.ofSeconds(5))) {
      WorkerProcess worker =
          new WorkerProcess(
              database,
              plan,
              batchId(database, plan),
              new WorkerProcess.Settings(
                  arguments[4],
                  EndRule.Stopped,
                  Boolean.parseBoolean(arguments[5]),
                  Duration.ofSeconds(5),
                  Duration.ofMillis(500),
                  Duration.ofMillis(500),
                  Thread.ofPlatform().name("slot-", 1).factory()),
              () -> System.nanoTime() + jump.get());
      started(worker);
      Thread.ofPlatform().daemon().start(() -> obey(jump, worker));
      // As in the image, a watchdog that gives up, as one may whose clock jumps, ends the process.
      worker.awaitEnd();
      worker.close();
    }
    // Also when a slot does not come back.
    Runtime.getRuntime().halt(0);
  }

  private static void obey(AtomicLong jump, WorkerProcess worker) {
    try (BufferedReader orders =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String order = orders.readLine(); order != null; order = orders.readLine()) {
        jump.addAndGet(Duration.parse(order).toNanos());
      }
    } catch (IOException gone) {
      // As good as its end.
    }
    worker.close();
  }

  private static int batchId(Database database, Plan plan) throws InterruptedException {
    while (true) {
      try {
        return new Batches(database.jdbi()).find(plan.batch().toString()).orElseThrow().id();
      } catch (RuntimeException away) {
        Thread.sleep(50);
      }
    }
  }

  private static void started(WorkerProcess worker) throws InterruptedException {
    while (true) {
      try {
        worker.start();
        return;
      } catch (SQLException away) {
        Thread.sleep(50);
      }
    }
  }
}
