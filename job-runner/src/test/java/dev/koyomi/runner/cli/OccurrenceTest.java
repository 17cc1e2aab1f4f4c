package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.trigger.Fired;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class OccurrenceTest {
  private static final Instant NOW = Instant.parse("2026-11-02T03:00:00Z");

  @Test
  void takesTheFirstSlotOfTheDateInTheBatchsZone() {
    assertThat(
            choose("{name: a, cron: \"0 13 * * *\"}, {name: b, cron: \"0 1 * * *\"}", "2026-11-01"))
        .contains(new Fired.SlotByPerson(Instant.parse("2026-10-31T16:00:00Z")));
  }

  @Test
  void takesASlotAtMidnight() {
    assertThat(choose("{name: a, cron: \"0 0 * * *\"}", "2026-11-01"))
        .contains(new Fired.SlotByPerson(Instant.parse("2026-10-31T15:00:00Z")));
  }

  @Test
  void asksForARunOnADayWithoutASlot() {
    assertThat(choose("{name: mondays, cron: \"0 1 * * 1\"}", "2026-11-01"))
        .contains(new Fired.Request("date/2026-11-01", Instant.parse("2026-10-31T15:00:00Z")));
  }

  @Test
  void takesTheNewestSlotThatHasPassedWithoutADate() {
    assertThat(choose("{name: a, cron: \"0 13 * * *\"}, {name: b, cron: \"0 11 * * *\"}", ""))
        .contains(new Fired.SlotByPerson(Instant.parse("2026-11-02T02:00:00Z")));
  }

  @Test
  void findsNoneWithoutScheduleAndDate() {
    assertThat(choose("", "")).isEmpty();
  }

  private static Optional<Fired> choose(String schedules, String date) {
    Plan plan =
        ManifestFile.registered(
                "a test",
                """
                apiVersion: koyomi.dev/v1alpha1
                kind: BatchSchedule
                metadata: {name: x, namespace: y}
                spec:
                  timeZone: Asia/Tokyo
                  schedules: [%s]
                  trigger: {sql: "select 1 as key"}
                  unit: {sql: "select 1"}
                """
                    .formatted(schedules))
            .plan();
    return Occurrence.choose(
        plan, Optional.of(date).filter(text -> !text.isEmpty()).map(LocalDate::parse), NOW);
  }
}
