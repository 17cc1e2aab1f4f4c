package dev.koyomi.runner.cli;

import dev.koyomi.crds.occurrence.Timetable;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.trigger.Fired;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Comparator;
import java.util.Optional;

/** Which occurrence a person means. */
final class Occurrence {
  private Occurrence() {}

  /**
   * The first slot of the date, or, on a day without one, a requested run of that date; without a
   * date the newest slot that has passed. Empty: there is none.
   */
  static Optional<Fired> choose(Plan plan, Optional<LocalDate> date, Instant now) {
    return date.isPresent()
        ? Optional.of(onDate(plan, date.get()))
        : plan.entries().stream()
            .flatMap(entry -> Timetable.latest(entry.cron(), plan.timeZone(), now).stream())
            .max(Comparator.naturalOrder())
            .map(Fired.SlotByPerson::new);
  }

  private static Fired onDate(Plan plan, LocalDate date) {
    ZoneId zone = plan.timeZone();
    Instant start = date.atStartOfDay(zone).toInstant();
    Instant next = date.plusDays(1).atStartOfDay(zone).toInstant();
    return plan.entries().stream()
        .flatMap(
            entry -> Timetable.between(entry.cron(), zone, start.minusNanos(1), next.minusNanos(1)))
        .min(Comparator.naturalOrder())
        .<Fired>map(Fired.SlotByPerson::new)
        .orElseGet(() -> new Fired.Request("date/" + date, start));
  }
}
