package dev.koyomi.crds;

import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Durations as Kubernetes writes them ({@code 1h30m}, {@code 500ms}) and CEL's {@code duration()}
 * reads them, in whole numbers that stay far below its limit of 292 years.
 */
public final class Durations {
  /** Pattern of a duration; it also takes the empty text, which is none. */
  public static final String PATTERN =
      "^([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$";

  private static final Pattern WHOLE = Pattern.compile(PATTERN);

  private static final int LONGEST_HOURS = 99_999;

  private Durations() {}

  /** Reads a duration; empty when the text is not one. */
  public static Optional<Duration> parse(String text) {
    var parts = WHOLE.matcher(text);
    return text.isEmpty() || !parts.matches()
        ? Optional.empty()
        : Optional.of(
                Duration.ofHours(number(parts.group(1)))
                    .plusMinutes(number(parts.group(2)))
                    .plusSeconds(number(parts.group(3)))
                    .plusMillis(number(parts.group(4))))
            .filter(duration -> duration.toHours() <= LONGEST_HOURS);
  }

  private static long number(String part) {
    return part == null ? 0 : Long.parseLong(part.replaceAll("[a-z]", ""));
  }

  /** Writes a duration, one text for each: {@code 90m} and {@code 1h30m} give {@code 1h30m}. */
  public static String format(Duration duration) {
    StringBuilder text = new StringBuilder();
    append(text, duration.toHours(), "h");
    append(text, duration.toMinutesPart(), "m");
    append(text, duration.toSecondsPart(), "s");
    append(text, duration.toMillisPart(), "ms");
    return text.isEmpty() ? "0s" : text.toString();
  }

  private static void append(StringBuilder text, long amount, String unit) {
    if (amount > 0) {
      text.append(amount).append(unit);
    }
  }
}
