package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Two processes work one run while connections are cut and living workers are declared lost under
 * their hands. The invoice table has no unique key: a second effect would be counted.
 */
final class ChaosDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final int JOBS = Integer.getInteger("koyomi.chaos.jobs", 20000);
  private static final long SEED = Long.getLong("koyomi.chaos.seed", 20261101);

  @Test
  void makesOneInvoiceForEachTargetUnderFaults() throws Exception {
    Billing billing =
        Billing.with(DATABASE, JOBS, Billing.manifest("maxAttempts: 2", "maxAttempts: 1"));
    billing.fire();
    Random random = new Random(SEED);
    List<WorkerProcess> workers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      workers.add(started(billing));
    }
    int faults = 0;
    while (billing.count("select count(*) from koyomi.runs where state = 'Running'") > 0) {
      faults += random.nextBoolean() ? cutAConnection(random) : declareAWorkerLost(random);
      if (random.nextInt(8) == 0) {
        int which = random.nextInt(2);
        workers.get(which).close();
        workers.set(which, started(billing));
        faults++;
      }
      LockSupport.parkNanos(random.nextInt(50_000_000));
    }
    workers.forEach(WorkerProcess::close);

    assertThat(faults).isGreaterThan(5);
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(JOBS);
    assertThat(billing.count("select count(distinct subscription_id) from invoice"))
        .isEqualTo(JOBS);
    assertThat(billing.run()).isEqualTo("Succeeded %d/%d/0/0".formatted(JOBS, JOBS));
    assertThat(billing.count("select count(*) from koyomi.failure"))
        .as("no attempt is burnt by a fault")
        .isZero();
  }

  /** A process whose first statement is cut off ends; its pod is started anew. */
  private static WorkerProcess started(Billing billing) {
    while (true) {
      try {
        return billing.worker(EndRule.Stopped).start();
      } catch (SQLException cutOff) {
        assertThat(cutOff.getSQLState()).isNotNull();
      }
    }
  }

  private static int cutAConnection(Random random) {
    return DATABASE
        .jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery(
                        """
                        select count(pg_terminate_backend(pid)) from (
                          select pid from pg_stat_activity
                            where datname = current_database() and pid <> pg_backend_pid() and query like '%koyomi%'
                            order by hashtext(pid::text || :salt) limit 1) as victim
                        """)
                    .bind("salt", random.nextInt())
                    .mapTo(Integer.class)
                    .one());
  }

  private static int declareAWorkerLost(Random random) {
    return DATABASE
        .jdbi()
        .withHandle(
            handle -> {
              int lost =
                  handle
                      .createUpdate(
                          """
                          update koyomi.worker set lost_at = koyomi.now()
                            where id in (select id from koyomi.worker where lost_at is null and stopped_at is null
                                           and kind = 'Worker' order by hashtext(id::text || :salt) limit 1)
                          """)
                      .bind("salt", random.nextInt())
                      .execute();
              handle.execute("select koyomi.sweep()");
              return lost;
            });
  }
}
