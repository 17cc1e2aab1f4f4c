package dev.koyomi.runner.trigger;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.occurrence.Timetable;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.queue.Firing;
import dev.koyomi.runner.queue.RunState;
import dev.koyomi.runner.queue.Runs;
import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestClock;
import dev.koyomi.runner.testing.TestDatabase;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One firing is one run, however often and by whomever it is fired. */
final class RunIdentityDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final String CRON_JOB = "invoices-nightly";

  private static Fired slot(Instant occurrence) {
    return new Fired.Slot(occurrence, CRON_JOB);
  }

  /** The newest slot that counts: a day after the batch was registered. */
  private static Instant futureSlot(Billing billing, int days) {
    return new Batches(DATABASE.jdbi())
        .watermark(billing.batchId(), "nightly")
        .orElseThrow()
        .plus(Duration.ofDays(days));
  }

  @ParameterizedTest
  @ValueSource(strings = {"policy: Skip", "policy: Allow"})
  void isOneRunWhenManyFireAtOnce(String overlap) throws Exception {
    Billing billing = Billing.with(DATABASE, 700, Billing.manifest("policy: Skip", overlap));
    Instant occurrence = futureSlot(billing, 1);

    List<TriggerResult> results = atOnce(6, () -> billing.trigger().fire(slot(occurrence)));

    assertThat(results.stream().filter(TriggerResult.Dispatched.class::isInstance)).hasSize(1);
    assertThat(results.stream().filter(TriggerResult.AlreadyDispatched.class::isInstance))
        .hasSize(5);
    billing.drain();
    assertThat(billing.run()).isEqualTo("Succeeded 700/700/0/0");
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(700);
  }

  @Test
  void isOneRunWhenManyMakeOneRequestAtOnce() throws Exception {
    Billing billing =
        Billing.with(DATABASE, 700, Billing.manifest("policy: Skip", "policy: Allow"));
    Fired request = new Fired.Request("billing/by-hand", Billing.SLOT);

    List<TriggerResult> results = atOnce(6, () -> billing.trigger().fire(request));

    assertThat(results.stream().filter(TriggerResult.Dispatched.class::isInstance)).hasSize(1);
    assertThat(billing.run()).isEqualTo("Running 700/0/0/0");
  }

  /** The selection stands still at a lock of the test's; who comes late waits for its end. */
  @Test
  void lateFirersWaitUntilTheRunIsDispatched() throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            10,
            Billing.manifest(
                "WHERE active", "WHERE active AND pg_advisory_xact_lock_shared(4711) IS NOT NULL"));
    Instant occurrence = futureSlot(billing, 1);

    try (Rival gate = new Rival(DATABASE.dataSource());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      gate.inOpenTransaction(
          open -> open.createStatement().execute("select pg_advisory_xact_lock(4711)"));
      Future<TriggerResult> first = threads.submit(() -> billing.trigger().fire(slot(occurrence)));
      gate.awaitWaiter();
      TriggerRun.Pause untilDispatched =
          _ -> {
            try {
              gate.commit();
              Rival.outcome(first);
            } catch (Exception e) {
              throw new IllegalStateException("the first firing did not end", e);
            }
          };

      assertThat(billing.trigger(untilDispatched).fire(slot(occurrence)))
          .isEqualTo(new TriggerResult.AlreadyDispatched(1, RunState.Running));

      assertThat(first.get()).isInstanceOf(TriggerResult.Dispatched.class);
    }
    assertThat(billing.count("select sum(stop) from koyomi.slice")).isEqualTo(10);
  }

  @Test
  void givesWayToALivingSelectorWhenTheWaitIsOver() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    Instant occurrence = futureSlot(billing, 1);
    selecting(billing, occurrence, true);
    List<Duration> pauses = new ArrayList<>();

    assertThat(billing.trigger(pauses::add).fire(slot(occurrence)))
        .isInstanceOf(TriggerResult.TryAgain.class);

    assertThat(pauses.stream().reduce(Duration.ZERO, Duration::plus))
        .isEqualTo(Objects.requireNonNull(billing.plan().trigger()).timeout());
  }

  /** Nobody else sweeps. */
  @Test
  void takesOverFromASelectorThatBeatsNoMore() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    Instant occurrence = futureSlot(billing, 1);
    TestClock clock = DATABASE.stopClock();
    try {
      selecting(billing, occurrence, true);

      assertThat(
              billing
                  .trigger(_ -> clock.advance(Duration.ofSeconds(5)))
                  .fire(new Fired.SlotByPerson(occurrence)))
          .isInstanceOf(TriggerResult.Dispatched.class);
    } finally {
      DATABASE.startClock();
    }
  }

  /** Its selector died, and then the schedule was changed: the run is not left half selected. */
  @Test
  void goesOnWithARunThatAnEarlierScheduleOpened() throws Exception {
    Billing billing = Billing.with(DATABASE, 10);
    selecting(billing, Billing.SLOT, false);

    assertThat(billing.trigger().fire(slot(Billing.SLOT)))
        .isEqualTo(
            new TriggerResult.Dispatched(
                1, LocalDate.parse("2026-11-01"), 10, 0, RunState.Running));
  }

  /** A run that another process selects. */
  private static void selecting(Billing billing, Instant occurrence, boolean alive) {
    Workers workers = new Workers(DATABASE.jdbi());
    long selector = workers.join("another", Workers.Kind.Trigger, billing.batchId());
    Firing firing =
        new Firing(
            billing.batchId(),
            occurrence,
            "",
            "nightly",
            LocalDate.parse("2026-11-01"),
            "r",
            true,
            Duration.ofMinutes(1),
            false);
    new Runs(DATABASE.jdbi(), new SecureRandom()).open(firing, selector);
    if (!alive) {
      workers.leave(selector);
    }
  }

  private static List<TriggerResult> atOnce(int number, Callable<TriggerResult> firing)
      throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<TriggerResult> results = new ArrayList<>();
      for (Future<TriggerResult> result : threads.invokeAll(Collections.nCopies(number, firing))) {
        results.add(result.get());
      }
      return results;
    }
  }

  @Test
  void doesNotBringBackARunThatEnded() throws Exception {
    Billing billing = Billing.with(DATABASE, 5);
    Instant occurrence = futureSlot(billing, 1);
    billing.trigger().fire(slot(occurrence));
    billing.drain();
    DATABASE
        .jdbi()
        .useHandle(handle -> handle.execute("insert into subscription (id, fee) values (6, 6)"));

    assertThat(billing.trigger().fire(slot(occurrence)))
        .isEqualTo(new TriggerResult.AlreadyDispatched(1, RunState.Succeeded));
    assertThat(billing.run()).isEqualTo("Succeeded 5/5/0/0");
  }

  @Test
  void doesNotBringBackACancelledRunByItself() throws Exception {
    Billing billing = Billing.with(DATABASE, 5);
    Instant occurrence = futureSlot(billing, 1);
    billing.trigger().fire(slot(occurrence));
    DATABASE
        .jdbi()
        .useHandle(handle -> handle.execute("select koyomi.cancel_run(1, 'wrong price list')"));

    assertThat(billing.trigger().fire(slot(occurrence)))
        .isEqualTo(new TriggerResult.AlreadyDispatched(1, RunState.Cancelled));
    assertThat(billing.trigger().fire(new Fired.SlotByPerson(occurrence)))
        .isEqualTo(new TriggerResult.AlreadyDispatched(1, RunState.Cancelled));
    assertThat(billing.count("select count(*) from koyomi.slice")).isZero();
  }

  @Test
  void letsOnlyAPersonTryAFailedSelectionAgain() throws Exception {
    Billing billing = Billing.with(DATABASE, 5, Billing.manifest("timeout: 1m", "maxJobs: 4"));
    Instant occurrence = futureSlot(billing, 1);
    billing.trigger().fire(slot(occurrence));
    DATABASE
        .jdbi()
        .useHandle(handle -> handle.execute("update subscription set active = false where id = 1"));

    assertThat(billing.trigger().fire(slot(occurrence)))
        .isEqualTo(new TriggerResult.AlreadyDispatched(1, RunState.Failed));
    assertThat(billing.trigger().fire(new Fired.SlotByPerson(occurrence)))
        .isInstanceOf(TriggerResult.Dispatched.class);
    assertThat(billing.count("select attempt from koyomi.runs")).isEqualTo(2);
  }

  @Test
  void skipsAnOccurrenceWhileTheLastRunIsNotOver() throws Exception {
    Billing billing = Billing.with(DATABASE, 5);
    billing.trigger().fire(slot(futureSlot(billing, 1)));

    assertThat(billing.trigger().fire(slot(futureSlot(billing, 2))))
        .isInstanceOfSatisfying(
            TriggerResult.Skipped.class,
            skipped ->
                assertThat(skipped.message()).isEqualTo("run 1 of this batch is not over yet"));

    assertThat(billing.text("select state || ' ' || reason from koyomi.runs where id > 1"))
        .isEqualTo("Skipped Overlap");
    billing.drain();
    assertThat(billing.trigger().fire(slot(futureSlot(billing, 3))))
        .isInstanceOf(TriggerResult.Dispatched.class);
  }

  /** A look before the write would let both in; the unique index lets one. */
  @Test
  void opensOneOfManyOccurrencesThatFireAtOnce() throws Exception {
    Billing billing = Billing.with(DATABASE, 5);
    List<Callable<TriggerResult>> firings = new ArrayList<>();
    for (int day = 1; day <= 8; day++) {
      Instant occurrence = futureSlot(billing, day);
      firings.add(() -> billing.trigger().fire(slot(occurrence)));
    }
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<TriggerResult> result : threads.invokeAll(firings)) {
        assertThat(result.get())
            .isInstanceOfAny(TriggerResult.Dispatched.class, TriggerResult.Skipped.class);
      }
    }

    assertThat(billing.count("select count(*) from koyomi.runs where state = 'Running'"))
        .isEqualTo(1);
    assertThat(billing.count("select count(*) from koyomi.runs where state = 'Skipped'"))
        .isEqualTo(7);
  }

  @Test
  void allowsRunsSideBySideWhenTheManifestDoes() throws Exception {
    Billing billing = Billing.with(DATABASE, 5, Billing.manifest("policy: Skip", "policy: Allow"));

    billing.trigger().fire(slot(futureSlot(billing, 1)));
    billing.trigger().fire(slot(futureSlot(billing, 2)));
    billing.drain();

    assertThat(billing.count("select count(*) from koyomi.runs where state = 'Succeeded'"))
        .isEqualTo(2);
    assertThat(billing.count("select count(*) from invoice")).isEqualTo(10);
  }

  @Test
  void skipsASlotFromBeforeTheScheduleWasChanged() throws Exception {
    Billing billing = Billing.with(DATABASE, 5);

    assertThat(billing.trigger().fire(slot(Billing.SLOT)))
        .isInstanceOfSatisfying(
            TriggerResult.Skipped.class,
            skipped ->
                assertThat(skipped.message())
                    .startsWith("the slot lies before the schedule was made or changed"));

    assertThat(billing.text("select state || ' ' || reason from koyomi.runs"))
        .isEqualTo("Skipped BeforeScheduleChange");
    assertThat(billing.count("select count(*) from koyomi.chunk")).isZero();
  }

  /** The first in the manifest gives the run its name. */
  @Test
  void isOneRunWhenTwoEntriesFireAtOneInstant() throws Exception {
    Billing billing = Billing.with(DATABASE, 5, twoEntries());
    Instant occurrence = watermarks(billing).plus(Duration.ofDays(1));

    assertThat(billing.trigger().fire(new Fired.Slot(occurrence, "invoices-second")))
        .isInstanceOf(TriggerResult.Dispatched.class);
    assertThat(billing.trigger().fire(slot(occurrence)))
        .isInstanceOf(TriggerResult.AlreadyDispatched.class);
    assertThat(billing.text("select entry from koyomi.run")).isEqualTo("nightly");
  }

  /** The CronJob of an entry that was just changed fires a slot that another entry has as well. */
  @Test
  void doesNotSkipASlotThatIsAnUnchangedEntrysToo() throws Exception {
    Billing billing = Billing.with(DATABASE, 5, twoEntries());
    Instant occurrence = watermarks(billing).plus(Duration.ofDays(1));
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "update koyomi.entry set watermark = ? where name = 'second'",
                    occurrence.plusSeconds(30).atOffset(ZoneOffset.UTC)));

    assertThat(billing.trigger().fire(new Fired.Slot(occurrence, "invoices-second")))
        .isInstanceOf(TriggerResult.Dispatched.class);
  }

  private static String twoEntries() {
    return Billing.manifest(
        "{name: nightly, cron: \"0 1 * * *\"}",
        "{name: nightly, cron: \"0 1 * * *\"}, {name: second, cron: \"0 */1 * * *\"}");
  }

  /** One o'clock in Tokyo at the earliest, at which both entries fire. */
  private static Instant watermarks(Billing billing) {
    return Timetable.next(
            billing.plan().entries().getFirst().cron(),
            billing.plan().timeZone(),
            futureSlot(billing, 0))
        .orElseThrow();
  }

  @Test
  void keepsTheLogicalDateOfARequestThatIsSeenAgain() throws Exception {
    Billing billing = Billing.with(DATABASE, 5);
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    """
                    insert into koyomi.run (batch_id, occurrence, request, logical_date, revision, state, exclusive, selector_token, select_timeout, selecting_since, created_at)
                      values (1, '2026-11-01T14:59:00Z', 'billing/by-hand', '2026-11-01', 'r', 'Selecting', true, 77, '1m', now(), now())
                    """));

    TriggerResult result =
        billing
            .trigger()
            .fire(new Fired.Request("billing/by-hand", Instant.parse("2026-11-01T15:01:00Z")));

    assertThat(result)
        .isEqualTo(
            new TriggerResult.Dispatched(1, LocalDate.parse("2026-11-01"), 5, 0, RunState.Running));
    assertThat(billing.text("select koyomi.payload_of(id, 0) ->> 'billingDate' from koyomi.chunk"))
        .isEqualTo("2026-11-01");
  }

  @Test
  void runsARequestBesideTheSlotOfTheSameInstant() throws Exception {
    Billing billing = Billing.with(DATABASE, 5);
    Instant occurrence = futureSlot(billing, 1);
    billing.trigger().fire(slot(occurrence));
    billing.drain();

    assertThat(billing.trigger().fire(new Fired.Request("billing/by-hand", occurrence)))
        .isInstanceOf(TriggerResult.Dispatched.class);
    assertThat(billing.trigger().fire(new Fired.Request("billing/by-hand", occurrence)))
        .isInstanceOf(TriggerResult.AlreadyDispatched.class);
  }

  @Test
  void readsTheSlotFromTheJobsNameOnly() {
    Instant now = Instant.parse("2026-11-22T20:00:00Z");

    assertThat(Fired.byJob("billing", CRON_JOB, CRON_JOB + "-29887200", now))
        .isEqualTo(new Fired.Slot(Instant.ofEpochSecond(29887200L * 60), CRON_JOB));
    assertThat(Fired.byJob("billing", CRON_JOB, CRON_JOB + "-2988720", now))
        .isEqualTo(new Fired.Request("billing/" + CRON_JOB + "-2988720", now));
    assertThat(Fired.byJob("billing", CRON_JOB, "by-hand", now))
        .isEqualTo(new Fired.Request("billing/by-hand", now));
    assertThat(Fired.byJob("billing", "a-b", CRON_JOB + "-29887200", now))
        .isInstanceOf(Fired.Request.class);
  }

  @Test
  void ignoresAnOlderGenerationButNotANewObjectOfTheSameName() {
    Billing billing = Billing.with(DATABASE, 1);
    Batches batches = new Batches(DATABASE.jdbi());
    String definition = billing.definition().json();
    String hourly = definition.replace("0 1 * * *", "0 * * * *");

    assertThat(batches.register("billing/invoices", "test", 7, hourly)).isTrue();
    assertThat(batches.register("billing/invoices", "test", 6, definition)).isFalse();
    assertThat(billing.text("select cron from koyomi.entry")).isEqualTo("0 * * * *");
    assertThat(batches.register("billing/invoices", "another", 1, definition)).isTrue();
    assertThat(billing.text("select cron from koyomi.entry")).isEqualTo("0 1 * * *");
  }

  @Test
  void ignoresAnOlderGenerationThatArrivesAtTheSameTime() throws Exception {
    Billing billing = Billing.with(DATABASE, 1);
    String definition = billing.definition().json();
    try (Rival newer = new Rival(DATABASE.dataSource());
        Rival older = new Rival(DATABASE.dataSource())) {
      newer.inOpenTransaction(
          open -> register(open, 3, false, definition.replace("0 1 * * *", "0 3 * * *")));
      var ignored =
          older.blocked(
              waiting -> register(waiting, 2, false, definition.replace("0 1 * * *", "0 2 * * *")));
      assertThat(ignored).isNotDone();
      newer.commit();
      assertThat(Rival.outcome(ignored)).isFalse();
    }
    assertThat(billing.text("select cron from koyomi.entry")).isEqualTo("0 3 * * *");
  }

  private static boolean register(
      Connection connection, int generation, boolean suspended, String definition)
      throws SQLException {
    try (var statement =
        connection.prepareStatement(
            "select koyomi.register('billing/invoices', 'test', ?, ?, ?::jsonb)")) {
      statement.setInt(1, generation);
      statement.setBoolean(2, suspended);
      statement.setString(3, definition);
      try (var row = statement.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  @Test
  void movesTheWatermarkWhenTheZoneChangesAndWhenTheBatchIsResumed() throws Exception {
    Billing billing = Billing.with(DATABASE, 1);
    TestClock clock = DATABASE.stopClock();
    Batches batches = new Batches(DATABASE.jdbi());
    String definition = billing.definition().json();
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      clock.advance(Duration.ofDays(1));
      String moved = definition.replace("Asia/Tokyo", "Asia/Seoul");
      register(connection, 2, false, moved);
      Instant changed = clock.now();
      assertThat(batches.watermark(billing.batchId(), "nightly")).contains(changed);

      clock.advance(Duration.ofDays(1));
      register(connection, 3, true, moved);
      assertThat(batches.watermark(billing.batchId(), "nightly")).contains(changed);
      clock.advance(Duration.ofDays(1));
      register(connection, 4, false, moved);
      assertThat(batches.watermark(billing.batchId(), "nightly")).contains(clock.now());
    }
    DATABASE.startClock();
  }

  @Test
  void movesTheWatermarkOfAChangedEntryOnly() {
    Billing billing = Billing.with(DATABASE, 1);
    TestClock clock = DATABASE.stopClock();
    Batches batches = new Batches(DATABASE.jdbi());
    String definition = billing.definition().json();
    String two =
        definition.replace(
            "\"schedules\" : [",
            "\"schedules\" : [{\"name\": \"noon\", \"cron\": \"0 12 * * *\"}, ");
    assertThat(two).isNotEqualTo(definition);
    batches.register("billing/invoices", "test", 2, two);
    Optional<Instant> nightly = batches.watermark(billing.batchId(), "nightly");

    clock.advance(Duration.ofHours(1));
    batches.register("billing/invoices", "test", 3, two.replace("0 12 * * *", "5 12 * * *"));

    assertThat(batches.watermark(billing.batchId(), "noon")).contains(clock.now());
    assertThat(batches.watermark(billing.batchId(), "nightly")).isEqualTo(nightly);
  }
}
