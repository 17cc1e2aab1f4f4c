package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Units that will not end are ended; where that fails, the process ends and the rest goes on. */
@Timeout(120)
final class HungUnitDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final long DAY = Duration.ofDays(1).toNanos();
  private static final int TARGETS = 1000;
  private static final String DONE = "select count(*) from invoice";

  private static final String HANGS =
      "exists (select from pg_stat_activity where wait_event = 'PgSleep')";

  private final AtomicLong slotsAhead = new AtomicLong();
  private final AtomicLong watchAhead = new AtomicLong();
  private Billing billing;

  /** The slots' clock and that of whoever watches them: the test moves one after the other. */
  private long nanoTime() {
    return System.nanoTime()
        + (Thread.currentThread().getName().startsWith("slot-") ? slotsAhead : watchAhead).get();
  }

  /** A day later the slot that works has moved, and the one that hangs has not. */
  private void aDayPasses() {
    slotsAhead.addAndGet(DAY);
    long done = billing.count(DONE);
    awaitTrue("(%s) > %d".formatted(DONE, done + 15));
    watchAhead.addAndGet(DAY);
  }

  /** One of the two slices hangs at its job 7; the other one goes on, five jobs at a time. */
  @BeforeEach
  void aUnitThatHangs() throws Exception {
    billing =
        Billing.with(
            DATABASE,
            TARGETS,
            Billing.manifest("concurrency: 4", "concurrency: 2, recycle: {maxTime: 9999h}")
                .replace("job: {", "job: {limits: {rate: 100/s}, ")
                .replace("maxAttempts: 2", "maxAttempts: 5")
                .replace("WHERE id = :subscriptionId", "WHERE id = :subscriptionId AND hang(id)"));
    billing.execute("drop sequence if exists hangs");
    billing.execute("create sequence hangs");
    billing.fire();
  }

  /** The first time; a day that passes within a Unit may be its own timeout, and is tried again. */
  private void hanging(String how) {
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    """
                    create or replace function hang(id int) returns boolean language plpgsql as $$
                    begin
                      if id = 7 and nextval('hangs') = 1 then
                        -- As a Unit that takes the server's limit away.
                        perform set_config('statement_timeout', '0', true);
                        %s
                      end if;
                      return true;
                    end $$
                    """
                        .formatted(how)));
  }

  private WorkerProcess worker() {
    return billing.worker(
        new WorkerProcess.Settings(
            "hung", EndRule.Drained, false, Duration.ofMillis(100), Duration.ofSeconds(1)),
        this::nanoTime);
  }

  private void awaitTrue(String question) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!billing.text("select (%s)::text".formatted(question)).equals("true")) {
      assertThat(System.nanoTime()).as(question).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void itsStatementIsCancelledAndTheWorkerGoesOn() throws Exception {
    hanging("perform pg_sleep(1000);");
    try (WorkerProcess worker = worker()) {
      worker.start();
      awaitTrue(HANGS);
      aDayPasses();
      assertThat(worker.awaitEnd()).isTrue();
    }
    assertThat(billing.run()).isEqualTo("Succeeded 1000/1000/0/0");
    assertThat(
            billing.text(
                "select f.error_class from koyomi.failure f join koyomi.chunk c on c.id ="
                    + " f.chunk_id where c.keys[f.ordinal + 1] = '7'"))
        .isEqualTo("Timeout");
  }

  /** It swallows the cancel, and a thread in a socket's read hears no interrupt. */
  @Test
  void aProcessThatCannotEndItFailsItsProbeGivesTheRestBackAndEnds() throws Exception {
    hanging(
        """
        loop
          begin
            perform pg_sleep(1000);
          exception when query_canceled then
            null;
          end;
        end loop;
        """);
    WorkerProcess worker = worker();
    worker.start();
    awaitTrue(HANGS);
    assertThat(worker.moving()).isTrue();
    // Cancelled, interrupted, given up: each a grace by the clock after the one before.
    for (int step = 0; step < 3; step++) {
      aDayPasses();
      awaitTrue(HANGS);
    }
    awaitTrue("exists (select from koyomi.worker where draining_at is not null)");
    assertThat(worker.awaitEnd()).as("a thread is left that cannot be ended").isFalse();
    assertThat(worker.moving()).as("liveness").isFalse();
    // What the other slot had in hand went back at its cursor; the hung one is its worker's still.
    assertThat(billing.count("select count(*) from koyomi.slice where lease is not null")).isOne();
    assertThat(billing.count("select sum(stop - position) from koyomi.slice where lease is null"))
        .isBetween(1L, TARGETS - billing.count(DONE) - 1);

    // The process ends; here the server ends the session, as that of any lost process.
    billing.execute("alter function hang(int) rename to hung");
    billing.execute("create function hang(id int) returns boolean language sql return true");
    billing.text(
        "select bool_and(pg_terminate_backend(pid))::text from pg_stat_activity where wait_event ="
            + " 'PgSleep'");
    worker.close();
    billing.drain();
    billing.execute("drop function hung");
    assertThat(billing.run()).isEqualTo("Succeeded 1000/1000/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(TARGETS);
  }
}
