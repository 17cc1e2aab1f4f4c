package dev.koyomi.crds.occurrence;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The instants at which a cron expression fires in a time zone.
 *
 * <p>When clocks change, an expression with fixed hours fires once for a doubled hour and, for a
 * skipped one, at the first instant after the gap; one with {@code *} or a step in the hour follows
 * the clock.
 */
public final class Timetable {
  /** Longer than the eight years between two 29 Februaries around 2100. */
  private static final Duration HORIZON = Duration.ofDays(366 * 9);

  private static final List<Duration> LOOKS_BACK =
      List.of(
          Duration.ofHours(2),
          Duration.ofDays(2),
          Duration.ofDays(32),
          Duration.ofDays(366),
          HORIZON);

  private Timetable() {}

  /** All occurrences after the first instant up to and with the second, in order. */
  public static Stream<Instant> between(Cron cron, ZoneId zone, Instant after, Instant until) {
    ZoneRules rules = zone.getRules();
    return Stream.iterate(
            Segment.around(rules, after),
            segment -> !segment.from().isAfter(until),
            segment -> segment.next(rules))
        .flatMap(segment -> segment.occurrences(cron, after, until));
  }

  /** The first occurrence after the instant; empty when the expression never fires. */
  public static Optional<Instant> next(Cron cron, ZoneId zone, Instant after) {
    return between(cron, zone, after, after.plus(HORIZON)).findFirst();
  }

  /** The last occurrence at or before the instant; empty when the expression never fires. */
  public static Optional<Instant> latest(Cron cron, ZoneId zone, Instant atOrBefore) {
    return LOOKS_BACK.stream()
        .flatMap(
            back ->
                between(cron, zone, atOrBefore.minus(back), atOrBefore)
                    .reduce((earlier, later) -> later)
                    .stream())
        .findFirst();
  }

  /** A time between two changes of the clock: within it, local time and instants run alike. */
  private record Segment(
      Instant from,
      ZoneOffset offset,
      @Nullable ZoneOffsetTransition start,
      @Nullable ZoneOffsetTransition end) {

    static Segment around(ZoneRules rules, Instant instant) {
      ZoneOffsetTransition start =
          rules.isFixedOffset() ? null : rules.previousTransition(instant.plusNanos(1));
      return new Segment(instant, rules.getOffset(instant), start, rules.nextTransition(instant));
    }

    Segment next(ZoneRules rules) {
      return end == null
          ? new Segment(Instant.MAX, offset, null, null)
          : new Segment(
              end.getInstant(), end.getOffsetAfter(), end, rules.nextTransition(end.getInstant()));
    }

    Stream<Instant> occurrences(Cron cron, Instant after, Instant until) {
      LocalDateTime first = LocalDateTime.ofInstant(from, offset);
      LocalDateTime last = LocalDateTime.ofInstant(until, offset).plusNanos(1);
      LocalDateTime before =
          end == null || end.getDateTimeBefore().isAfter(last) ? last : end.getDateTimeBefore();
      boolean skipped = skipped(cron);
      Stream<Instant> ticks =
          locals(cron, first, before)
              .filter(local -> cron.followsClock() || !repeated(local))
              .map(local -> local.toInstant(offset))
              .filter(instant -> !(skipped && instant.equals(from)));
      return Stream.concat(skipped ? Stream.of(from) : Stream.empty(), ticks)
          .filter(instant -> instant.isAfter(after) && !instant.isAfter(until));
    }

    private boolean repeated(LocalDateTime local) {
      return start != null && start.isOverlap() && local.isBefore(start.getDateTimeBefore());
    }

    /** Whether this begins with a gap that swallowed an occurrence. */
    private boolean skipped(Cron cron) {
      return start != null
          && start.isGap()
          && start.getInstant().equals(from)
          && !cron.followsClock()
          && locals(cron, start.getDateTimeBefore(), start.getDateTimeAfter())
              .findAny()
              .isPresent();
    }

    private static Stream<LocalDateTime> locals(
        Cron cron, LocalDateTime from, LocalDateTime before) {
      return Stream.iterate(
              from.toLocalDate(),
              date -> !date.isAfter(before.toLocalDate()),
              date -> date.plusDays(1))
          .filter(cron::fires)
          .flatMap(cron::times)
          .filter(local -> !local.isBefore(from))
          .takeWhile(local -> local.isBefore(before));
    }
  }
}
