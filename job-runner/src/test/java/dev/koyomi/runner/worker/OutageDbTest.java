package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.testing.Wire;
import dev.koyomi.runner.trigger.Fired;
import dev.koyomi.runner.trigger.TriggerResult;
import dev.koyomi.runner.trigger.TriggerRun;
import java.net.URI;
import java.time.Duration;
import java.util.List;
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

  @Test
  void aTriggerTriesAFewTimesAndSaysThatItMayBeRunAgain() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    try (Wire wire = new Wire(port());
        Database database =
            Database.pooled(
                over(wire), "koyomi trigger", 3, Duration.ofSeconds(5), Duration.ofMinutes(1))) {
      TriggerRun trigger =
          new TriggerRun(
              database,
              billing.plan(),
              billing.definition().revision(),
              "pod",
              _ -> Thread.onSpinWait());
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
