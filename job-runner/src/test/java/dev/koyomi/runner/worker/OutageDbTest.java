package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.queue.Reselection;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.testing.Wire;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.trigger.TriggerRun;
import java.net.URI;
import java.time.Duration;
import java.time.LocalDate;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.LoggerFactory;

/**
 * The database goes away and comes back: nothing is lost, no attempt is burnt, nobody is declared
 * lost.
 */
final class OutageDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final int TARGETS = 3000;

  private static DatabaseAddress over(Wire wire) {
    DatabaseAddress address = DATABASE.address();
    return new DatabaseAddress(
        address.jdbcUrl().replace(":" + port() + "/", ":" + wire.port() + "/"),
        address.username(),
        address.password());
  }

  private static int port() {
    return URI.create(DATABASE.address().jdbcUrl().substring("jdbc:".length())).getPort();
  }

  @Test
  void workersWaitAndGoOn() throws Exception {
    Billing billing =
        Billing.with(DATABASE, TARGETS, Billing.manifest("maxAttempts: 2", "maxAttempts: 1"));
    billing.fire();
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    Logger outage = (Logger) LoggerFactory.getLogger(Outage.class);
    outage.setLevel(Level.INFO);
    outage.addAppender(log);
    log.start();
    try (Wire wire = new Wire(port());
        Database database =
            Database.pooled(
                over(wire), "koyomi work", 6, Duration.ofSeconds(5), Duration.ofSeconds(10));
        WorkerProcess worker = worker(billing, database)) {
      worker.start();
      awaitInvoices(billing, 100);
      wire.cut();
      awaitLine(log, "the queue cannot be used; waiting for it, no attempt is counted");
      long whileAway = billing.count("select count(*) from invoice");
      assertThat(worker.moving()).isTrue();
      wire.mend();
      worker.awaitEnd();

      assertThat(whileAway).isLessThan(TARGETS);
    } finally {
      outage.detachAppender(log);
    }

    assertThat(billing.run()).isEqualTo("Succeeded %d/%d/0/0".formatted(TARGETS, TARGETS));
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(TARGETS);
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
    assertThat(billing.count("select count(*) from koyomi.worker where lost_at is not null"))
        .isZero();
    assertThat(List.copyOf(log.list).stream().map(ILoggingEvent::getFormattedMessage))
        .containsExactly(
            "the queue cannot be used; waiting for it, no attempt is counted",
            "the queue can be used again");
  }

  /** The server has leased it; the worker lives on, so nobody else would ever take it back. */
  @Test
  @Timeout(60)
  void aSliceWhoseLeaseWasNotHeardOfIsGivenBack() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    billing.fire();
    try (Wire wire = new Wire(port());
        Database database =
            Database.pooled(
                over(wire), "koyomi work", 6, Duration.ofSeconds(5), Duration.ofSeconds(10));
        WorkerProcess worker = worker(billing, database)) {
      wire.loseAnswerTo("koyomi.lease(");
      worker.start();
      worker.awaitEnd();
    }

    assertThat(billing.run()).isEqualTo("Succeeded 10/10/0/0");
    assertThat(billing.count("select count(*) from koyomi.failure")).isZero();
  }

  private static WorkerProcess worker(Billing billing, Database database) {
    return new WorkerProcess(
        database,
        billing.plan(),
        billing.batchId(),
        WorkerProcess.Settings.usual("pod", EndRule.Drained),
        System::nanoTime);
  }

  private static TriggerRun trigger(Billing billing, Database database) {
    return new TriggerRun(
        database, billing.plan(), billing.definition().revision(), "pod", _ -> Thread.onSpinWait());
  }

  @Test
  void aTriggerTriesAFewTimesAndSaysThatItMayBeRunAgain() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    try (Wire wire = new Wire(port());
        Database database =
            Database.pooled(
                over(wire), "koyomi trigger", 3, Duration.ofSeconds(5), Duration.ofMinutes(1))) {
      TriggerRun trigger = trigger(billing, database);
      wire.cut();

      assertThat(trigger.fire(new Fired.SlotByPerson(Billing.SLOT)))
          .isInstanceOfSatisfying(
              TriggerResult.TryAgain.class,
              away -> assertThat(away.message()).startsWith("The database cannot be reached"));
      wire.mend();
      assertThat(trigger.fire(new Fired.SlotByPerson(Billing.SLOT)))
          .isInstanceOf(TriggerResult.Dispatched.class);
    }
  }

  /** It waits for a lock while its connection is cut, and commits when nobody listens any more. */
  @Test
  @Timeout(60)
  void aLeaseThatCommitsAfterItsConnectionWasCutGoesBack() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            10,
            Billing.manifest("job: {", "job: {limits: {concurrency: 5}, ")
                .replace("concurrency: 4", "concurrency: 1"));
    billing.fire();
    try (Wire wire = new Wire(port());
        Rival rival = new Rival(DATABASE.dataSource());
        Database database =
            Database.pooled(
                over(wire), "koyomi work", 6, Duration.ofSeconds(5), Duration.ofSeconds(10));
        WorkerProcess worker = worker(billing, database)) {
      rival.inOpenTransaction(
          open ->
              open.createStatement()
                  .execute(
                      "select pg_advisory_xact_lock(hashtext('koyomi.limit'), %d)"
                          .formatted(billing.batchId())));
      worker.start();
      rival.awaitWaiter();
      wire.cut();
      wire.mend();
      awaitLeases(billing, 2);
      rival.commit();

      assertThat(worker.awaitEnd()).isTrue();
    }
    assertThat(billing.run()).isEqualTo("Succeeded 10/10/0/0");
  }

  /** It is a long search while somebody's snapshot is held. */
  @Test
  @Timeout(60)
  void looksForUnknownLeasesOnlyAfterAnAnswerWasLost() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    WorkerProcess.Settings settings =
        new WorkerProcess.Settings(
            "pod", EndRule.Stopped, true, Duration.ofMillis(20), Duration.ofSeconds(10));
    noteSearches(billing);
    try {
      billing.fire();
      try (WorkerProcess worker = billing.worker(settings, System::nanoTime).start()) {
        awaitInvoices(billing, 10);
        awaitBeats(billing, 3);
        assertThat(worker.moving()).isTrue();
      }
      assertThat(searches(billing)).isZero();

      try (Wire wire = new Wire(port());
          Database database =
              Database.pooled(
                  over(wire), "koyomi work", 6, Duration.ofSeconds(5), Duration.ofSeconds(10));
          WorkerProcess worker =
              new WorkerProcess(
                  database, billing.plan(), billing.batchId(), settings, System::nanoTime)) {
        wire.loseAnswerTo("koyomi.lease(");
        worker.start();
        while (searches(billing) == 0) {
          Thread.onSpinWait();
        }
      }
    } finally {
      billing.execute("drop function koyomi.leases_of");
      billing.execute("alter function koyomi.leases_found rename to leases_of");
    }
  }

  private static void noteSearches(Billing billing) {
    billing.execute("create table search (worker bigint)");
    billing.execute("alter function koyomi.leases_of rename to leases_found");
    billing.execute(
        """
        create function koyomi.leases_of(p_worker bigint) returns setof bigint language plpgsql as $$
        begin
          insert into public.search values (p_worker);
          return query select * from koyomi.leases_found(p_worker);
        end $$
        """);
  }

  private static long searches(Billing billing) {
    return billing.count("select count(*) from search");
  }

  /** So many whole beats of the only process: each begins with its heartbeat. */
  private static void awaitBeats(Billing billing, int number) {
    Set<String> heartbeats = new HashSet<>();
    while (heartbeats.size() < number + 2) {
      heartbeats.add(billing.text("select xmin::text from koyomi.worker where stopped_at is null"));
    }
  }

  /** So many sessions wait for a lock in a lease. */
  private static void awaitLeases(Billing billing, int number) {
    while (billing.count(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like"
                + " '%koyomi.lease(%'")
        < number) {
      Thread.onSpinWait();
    }
  }

  /** The server has dispatched, and the trigger has not heard of it. */
  @Test
  @Timeout(60)
  void aSelectionWhoseAnswerIsLostIsNotMadeTwice() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    billing.fire();
    billing.drain();
    try (Wire wire = new Wire(port());
        Database database =
            Database.pooled(
                over(wire), "koyomi trigger", 3, Duration.ofSeconds(5), Duration.ofMinutes(1))) {
      TriggerRun trigger = trigger(billing, database);
      billing.execute(
          """
          create or replace function dispatched() returns trigger language plpgsql as
            $$ begin perform pg_advisory_xact_lock(4711); return null; end $$
          """);
      billing.execute(
          """
          create constraint trigger dispatched after update of state on koyomi.run deferrable initially deferred
            for each row when (old.state = 'Selecting' and new.state = 'Running') execute function dispatched()
          """);
      CompletableFuture<TriggerResult> result;
      try (Rival rival = new Rival(DATABASE.dataSource())) {
        rival.inOpenTransaction(
            open -> open.createStatement().execute("select pg_advisory_xact_lock(4711)"));
        result = again(trigger);
        rival.awaitWaiter();
        wire.cut();
        wire.mend();
        rival.commit();
      } finally {
        billing.execute("drop trigger dispatched on koyomi.run");
      }

      assertThat(result.get(60, TimeUnit.SECONDS))
          .isEqualTo(
              new TriggerResult.Dispatched(
                  1, LocalDate.parse("2026-11-01"), 10, 0, 0, RunState.Running));
    }
    billing.drain();
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(20);
  }

  private static CompletableFuture<TriggerResult> again(TriggerRun trigger) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return trigger.again(1, Reselection.Everything);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
  }

  private static void awaitInvoices(Billing billing, int number) {
    while (billing.count("select count(*) from invoice") < number) {
      Thread.onSpinWait();
    }
  }

  private static void awaitLine(ListAppender<ILoggingEvent> log, String line) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (List.copyOf(log.list).stream()
        .noneMatch(event -> event.getFormattedMessage().equals(line))) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
