package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Set;

/** The example's batch in a room: how a test starts it, and what must come out each time. */
record Billing(Room room, Manifest manifest) {
  /** Active subscriptions; those of them whose data makes the Unit fail; the others. */
  static final long SELECTED = 9_700;

  static final long DEAD = 3;
  static final long SUCCEEDED = SELECTED - DEAD;

  private static final Set<String> OPEN = Set.of("Selecting", "Running");

  /**
   * The batch as a trap: nothing in its SQL or tables keeps a target from being done twice, so that
   * a second time would show. It is suspended: only the test fires it.
   */
  static Billing unguarded(Room room) throws IOException {
    room.database()
        .execute(
            """
            do $$ declare c record; begin
              for c in select conname from pg_constraint
                       where conrelid = 'invoice'::regclass and contype in ('u', 'p') loop
                execute format('alter table invoice drop constraint %I', c.conname);
              end loop;
            end $$
            """);
    return new Billing(
        room,
        room.billing()
            .cron("* * * * *")
            .suspended(true)
            .with(
                """
                spec:
                  trigger:
                    sql: |
                      SELECT id AS key, id AS "subscriptionId", :logicalDate AS "billingDate"
                      FROM subscription WHERE status = 'active'
                  unit:
                    sql: |
                      INSERT INTO invoice (subscription_id, billing_date, amount, currency, status)
                      SELECT id, :billingDate, monthly_fee, currency, 'issued' FROM subscription WHERE id = :subscriptionId
                  workers: {max: 2, concurrency: 4}
                """));
  }

  /** The same with Units that take a while, so that there is a middle of the run. */
  static Billing unguardedAndSlow(Room room) throws IOException {
    Billing fast = unguarded(room);
    String unit = fast.manifest.tree().at("/spec/unit/sql").asText();
    Manifest slow = new Manifest(fast.manifest.tree().deepCopy());
    ((ObjectNode) slow.tree().at("/spec/unit")).put("sql", "SELECT pg_sleep(0.02);\n" + unit);
    return new Billing(room, slow);
  }

  Billing with(String yaml) {
    return new Billing(room, manifest.with(yaml));
  }

  /** Applies it; a slot of this minute may be fired from here on. */
  Billing applied() {
    room.applyAndAwaitReady(manifest);
    room.database().registeredAnHourAgo();
    return this;
  }

  /** The same, to be fired once a day, at this time. */
  Billing firedAt(Instant slot) {
    ZoneId zone = ZoneId.of(manifest.tree().at("/spec/timeZone").asText());
    return new Billing(
        room, manifest.cron(DateTimeFormatter.ofPattern("m H * * *").format(slot.atZone(zone))));
  }

  static Instant thisMinute() {
    return Instant.now().truncatedTo(ChronoUnit.MINUTES);
  }

  void awaitInvoices(long atLeast) {
    Room.eventually()
        .alias("there are " + atLeast + " invoices")
        .until(() -> room.database().invoices() >= atLeast);
  }

  void awaitEnd() {
    Room.eventually()
        .alias("the run ends")
        .until(
            () ->
                !room.database().runs().isEmpty()
                    && room.database().runs().stream()
                        .noneMatch(run -> OPEN.contains(run.state())));
  }

  /** One run, every target in it, one invoice each, three set aside. */
  void assertTotals() {
    Database.Run run = room.database().run();
    assertThat(run.state()).as("%s", run).isEqualTo("PartiallyFailed");
    assertThat(run.selected()).as("%s", run).isEqualTo(SELECTED);
    assertThat(run.succeeded()).as("%s", run).isEqualTo(SUCCEEDED);
    assertThat(run.dead()).as("%s", run).isEqualTo(DEAD);
    assertThat(run.skipped()).as("%s", run).isZero();
    assertEachOnce();
  }

  void assertEachOnce() {
    assertThat(room.database().invoices()).isEqualTo(SUCCEEDED);
    assertThat(room.database().count("select count(distinct subscription_id) from invoice"))
        .isEqualTo(SUCCEEDED);
  }
}
