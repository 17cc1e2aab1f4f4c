package dev.koyomi.crds;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Durations as Kubernetes writes them ({@code 1h30m}, {@code 500ms}): what CEL's {@code duration()}
 * reads too, without its µs and ns.
 */
public final class Durations {
  /** Pattern of a duration field in the schema. */
  public static final String PATTERN = "^([0-9]+(\\.[0-9]+)?(h|m|s|ms))+$";

  private static final Pattern WHOLE = Pattern.compile(PATTERN);
  private static final Pattern PART = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)(h|ms|m|s)");

  private Durations() {}

  /** Reads a duration; empty when the text is not one or is longer than 292 years. */
  public static Optional<Duration> parse(String text) {
    if (!WHOLE.matcher(text).matches()) {
      return Optional.empty();
    }
    BigDecimal millis = BigDecimal.ZERO;
    var part = PART.matcher(text);
    while (part.find()) {
      millis =
          millis.add(
              new BigDecimal(part.group(1)).multiply(BigDecimal.valueOf(millisOf(part.group(2)))));
    }
    return millis.compareTo(BigDecimal.valueOf(Long.MAX_VALUE / 1_000_000)) > 0
        ? Optional.empty()
        : Optional.of(Duration.ofMillis(millis.longValue()));
  }

  /**
   * Writes a duration in the largest units that hold it: {@code 1h30m}, {@code 1m0.5s} as 1m500ms.
   */
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

  private static int millisOf(String unit) {
    return switch (unit) {
      case "h" -> 3_600_000;
      case "m" -> 60_000;
      case "s" -> 1_000;
      default -> 1;
    };
  }
}
