package dev.koyomi.runner.cli;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeParseException;
import java.util.Optional;

/** An instant as people type it. */
final class Moment {
  private Moment() {}

  /**
   * With an offset, or as a clock in the person's zone shows it; anything else ends the command.
   *
   * @param option where it was typed
   */
  static Instant of(String option, String text, ZoneId zone) {
    String typed = text.strip().replaceFirst("(?<=[0-9]) +(?=[0-9])", "T");
    return withOffset(typed)
        .or(() -> onTheClock(typed, zone))
        .orElseThrow(
            () ->
                new CommandProblem(
                    ExitCode.WRONG,
                    "%s '%s' is no time: write it as 2026-11-01T09:00 (in %s) or 2026-11-01T09:00+09:00."
                        .formatted(option, text, zone)));
  }

  private static Optional<Instant> withOffset(String text) {
    try {
      return Optional.of(OffsetDateTime.parse(text).toInstant());
    } catch (DateTimeParseException other) {
      return Optional.empty();
    }
  }

  private static Optional<Instant> onTheClock(String text, ZoneId zone) {
    try {
      return Optional.of(LocalDateTime.parse(text).atZone(zone).toInstant());
    } catch (DateTimeException other) {
      return Optional.empty();
    }
  }
}
