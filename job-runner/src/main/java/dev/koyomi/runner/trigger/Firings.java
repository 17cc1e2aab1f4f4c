package dev.koyomi.runner.trigger;

import dev.koyomi.crds.Overlap;
import dev.koyomi.crds.occurrence.Timetable;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.queue.Firing;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What a firing is by the timetable: whose slot, for which day, and whether it lies before an edit.
 *
 * @param plan with a trigger
 * @param revision of its definition
 */
record Firings(Plan plan, String revision) {
  /** The firing as the queue knows it. */
  Firing of(int batchId, Fired fired) {
    return switch (fired) {
      case Fired.Slot(Instant occurrence, String cronJob) ->
          firing(
              batchId,
              occurrence,
              "",
              entriesAt(occurrence).findFirst().or(() -> entryOf(cronJob)),
              false);
      case Fired.SlotByPerson(Instant occurrence) ->
          firing(batchId, occurrence, "", entriesAt(occurrence).findFirst(), true);
      case Fired.Request(String request, Instant occurrence) ->
          firing(batchId, occurrence, request, Optional.empty(), false);
    };
  }

  private Firing firing(
      int batchId, Instant occurrence, String request, Optional<String> entry, boolean byPerson) {
    return new Firing(
        batchId,
        occurrence,
        request,
        entry.orElse(null),
        LocalDate.ofInstant(occurrence, plan.timeZone()),
        revision,
        plan.overlap() == Overlap.Policy.Skip,
        Objects.requireNonNull(plan.trigger()).timeout(),
        byPerson);
  }

  /**
   * Entries that fire at the same instant are one run, under the name of the first in the manifest.
   */
  private Stream<String> entriesAt(Instant occurrence) {
    return plan.entries().stream()
        .filter(
            entry ->
                Timetable.between(
                        entry.cron(), plan.timeZone(), occurrence.minusSeconds(1), occurrence)
                    .anyMatch(occurrence::equals))
        .map(Plan.Entry::name);
  }

  private Optional<String> entryOf(String cronJob) {
    return plan.entries().stream()
        .filter(entry -> entry.cronJob().equals(cronJob))
        .map(Plan.Entry::name)
        .findFirst();
  }

  /**
   * CronJob fires the newest slot of a changed cron at once, also when it lies before the change.
   * The slot is another entry's too where that one fires at the same instant, and has been for
   * longer.
   *
   * @param watermark of an entry; empty: there is no such entry
   * @return why the slot is not run; empty: it is
   */
  Optional<String> beforeWatermark(Fired.Slot slot, Function<String, Optional<Instant>> watermark) {
    List<Instant> watermarks =
        Stream.concat(entryOf(slot.cronJob()).stream(), entriesAt(slot.occurrence()))
            .flatMap(entry -> watermark.apply(entry).stream())
            .toList();
    if (watermarks.isEmpty()) {
      return Optional.of("the schedule entry of CronJob %s was removed".formatted(slot.cronJob()));
    }
    Instant first = Collections.min(watermarks);
    return slot.occurrence().isBefore(first)
        ? Optional.of("the slot lies before the schedule was made or changed (%s)".formatted(first))
        : Optional.empty();
  }
}
