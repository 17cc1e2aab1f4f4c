package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A whole worker process with nothing to do writes nothing but its heartbeats, whatever state its
 * batch rests in. Every write to any table of the queue is logged by a trigger; a row that was only
 * locked shows as a transaction number that no logged write accounts for.
 */
@Timeout(120)
final class IdleWritesDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final int BEATS = 8;

  @BeforeAll
  static void nobodyElseWrites() {
    superuser("alter system set autovacuum = off", "select pg_reload_conf()::text");
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute(
                  "create table written (what text, transaction xid8 default"
                      + " pg_current_xact_id())");
              handle.execute(
                  """
                  create function note() returns trigger language plpgsql as $$
                  begin
                    insert into written (what) values (tg_table_name || ' ' || tg_op);
                    return null;
                  end $$
                  """);
              handle
                  .createQuery(
                      "select format('create trigger note after insert or update or delete on"
                          + " koyomi.%I for each row execute function public.note()', tablename)"
                          + " from pg_tables where schemaname = 'koyomi'")
                  .mapTo(String.class)
                  .forEach(handle::execute);
            });
  }

  @AfterAll
  static void asBefore() {
    superuser("alter system reset autovacuum", "select pg_reload_conf()::text");
  }

  private static void superuser(String... statements) {
    try (Database superuser = Database.direct(DATABASE.superuser(), "test")) {
      superuser
          .jdbi()
          .useHandle(handle -> List.of(statements).forEach(statement -> handle.execute(statement)));
    }
  }

  /** What a batch can rest in. */
  enum Rest {
    EMPTY("", "") {
      @Override
      void prepare(Billing billing) {}
    },
    WORKED("", "") {
      @Override
      void prepare(Billing billing) throws Exception {
        billing.fire();
        billing.drain();
      }
    },
    PAUSED("", "") {
      @Override
      void prepare(Billing billing) throws Exception {
        billing.fire();
        billing.text("select koyomi.pause(%d, 'me', 'test')::text".formatted(billing.batchId()));
      }
    },
    WAITING_FOR_A_RETRY("initial: 10ms", "initial: 1h, max: 1h") {
      @Override
      void prepare(Billing billing) throws Exception {
        billing.execute("update subscription set fee = null where id = 1");
        billing.fire();
        billing.workOnce(true);
      }
    },
    ORDERED("job: {", "job: {order: {mode: FifoByKey, lanes: 8}, ") {
      @Override
      void prepare(Billing billing) throws Exception {
        billing.fire();
        billing.drain();
        assertThat(billing.count("select count(*) from koyomi.lane")).isPositive();
      }
    },
    STOPPED_LANE("job: {", "job: {order: {mode: Fifo, onDead: StopLane}, ") {
      @Override
      void prepare(Billing billing) throws Exception {
        billing.execute("update subscription set fee = null where id = 1");
        billing.fire();
        for (int i = 0; i < 5; i++) {
          billing.workOnce(true);
        }
        assertThat(billing.count("select waiting from koyomi.held_lanes where retry_at is null"))
            .isEqualTo(19);
      }
    },
    LIMITED("job: {", "job: {limits: {concurrency: 2, rate: 1000/s}, ") {
      @Override
      void prepare(Billing billing) throws Exception {
        billing.fire();
        billing.drain();
      }
    },
    /** Its run of the day is open, a job is for later, a key is taken. */
    ENQUEUED("", "") {
      @Override
      void prepare(Billing billing) throws Exception {
        enqueue(billing, "a", "");
        billing.workOnce(true);
        enqueue(billing, "later", ", run_at => now() + interval '1 day'");
        enqueue(billing, "once", ", unique_for => '1 day'");
        billing.workOnce(true);
      }

      private void enqueue(Billing billing, String key, String further) {
        billing.text(
            "select koyomi.enqueue('billing/invoices', '%s', '{\"subscriptionId\": 1, \"billingDate\": \"2026-11-01\"}'%s)::text"
                .formatted(key, further));
      }
    },
    /** The only old run is one that is kept. */
    OLD("", "") {
      @Override
      void prepare(Billing billing) throws Exception {
        billing.execute("update subscription set fee = null where id = 1");
        billing.fire();
        billing.drain();
        billing.execute("update koyomi.run set ended_at = now() - interval '1 year'");
        billing.text("select koyomi.sweep()::text");
      }
    };

    private final String text;
    private final String replacement;

    Rest(String text, String replacement) {
      this.text = text;
      this.replacement = replacement;
    }

    abstract void prepare(Billing billing) throws Exception;

    String manifest() {
      return text.isEmpty()
          ? Billing.manifest("spec:", "spec:")
          : Billing.manifest(text, replacement);
    }
  }

  @ParameterizedTest
  @EnumSource
  void writesHeartbeatsAlone(Rest rest) throws Exception {
    Billing billing = Billing.with(DATABASE, 20, rest.manifest());
    rest.prepare(billing);
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "idle", EndRule.Stopped, true, Duration.ofMillis(100), Duration.ofSeconds(10));
    try (WorkerProcess worker = billing.worker(settings, System::nanoTime)) {
      worker.start();
      // Its first beats tell that it is idle now.
      awaitBeats(billing, BEATS);
      billing.execute("truncate written");
      long before = nextTransaction(billing);
      awaitBeats(billing, BEATS);
      long after = nextTransaction(billing);

      // And the beat of all, once in five seconds, by which they are counted.
      assertThat(
              billing.text(
                  "select string_agg(distinct what, ', ' order by what) from written where what <>"
                      + " 'meta UPDATE'"))
          .isEqualTo("worker UPDATE");
      assertThat(billing.count("select count(*) from written where what = 'meta UPDATE'"))
          .isLessThanOrEqualTo(1);
      assertThat(after - before)
          .as("transactions that wrote or locked something")
          .isLessThanOrEqualTo(billing.count("select count(distinct transaction) from written"));
    }
  }

  /** Twice a second, also where work waits that nobody may take; a few times more at a start. */
  @ParameterizedTest
  @EnumSource(names = {"EMPTY", "PAUSED", "WAITING_FOR_A_RETRY", "STOPPED_LANE"})
  void asksAsOftenAsOneSlotDoes(Rest rest) throws Exception {
    Billing billing = Billing.with(DATABASE, 20, rest.manifest());
    rest.prepare(billing);
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "idle", EndRule.Stopped, true, Duration.ofMillis(100), Duration.ofSeconds(10));
    try (WorkerProcess worker = billing.worker(settings, System::nanoTime)) {
      worker.start();
      awaitBeats(billing, BEATS);
      Set<String> asked = new HashSet<>();
      long until = System.nanoTime() + Duration.ofSeconds(2).toNanos();
      while (System.nanoTime() < until) {
        asked.addAll(
            DATABASE
                .jdbi()
                .withHandle(
                    handle ->
                        handle
                            .createQuery(
                                """
                                select pid || ' ' || query_start from pg_stat_activity
                                where datname = current_database() and application_name like '%slot%' and query like '%next_due_in%'
                                """)
                            .mapTo(String.class)
                            .list()));
      }
      // In two seconds; each look is seen up to three times, as its messages come in.
      assertThat(asked).hasSizeBetween(1, 30);
    }
  }

  private static long nextTransaction(Billing billing) {
    return billing.count("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
  }

  private static void awaitBeats(Billing billing, int more) {
    long from = billing.count("select count(*) from written");
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (billing.count("select count(*) from written") < from + more) {
      assertThat(System.nanoTime()).as("no heartbeat comes").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  /** The test's own eyes: a lock alone would be seen. */
  @Test
  void aLockedRowShowsAsATransaction() {
    Billing billing = Billing.with(DATABASE, 1);
    long before = nextTransaction(billing);
    DATABASE
        .jdbi()
        .useTransaction(handle -> handle.execute("select from koyomi.batch for no key update"));
    assertThat(nextTransaction(billing) - before).isOne();
  }
}
