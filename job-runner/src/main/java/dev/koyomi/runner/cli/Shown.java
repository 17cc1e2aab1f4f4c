package dev.koyomi.runner.cli;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Numbers and times as people read them. */
final class Shown {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss", Locale.ROOT);

  private static final Pattern WORDS = Pattern.compile("\\s+");

  private Shown() {}

  static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  static String count(@Nullable Long number, String none) {
    return number == null ? none : count(number);
  }

  /** {@code 0.8 s}, {@code 42 s}, {@code 3 min 20 s}, {@code 2 h 5 min}. */
  static String duration(Duration duration) {
    if (duration.compareTo(Duration.ofSeconds(10)) < 0) {
      return String.format(Locale.ROOT, "%.1f s", duration.toMillis() / 1000.0);
    }
    if (duration.compareTo(Duration.ofMinutes(1)) < 0) {
      return "%d s".formatted(duration.toSeconds());
    }
    return duration.compareTo(Duration.ofHours(1)) < 0
        ? "%d min %d s".formatted(duration.toMinutes(), duration.toSecondsPart())
        : "%d h %d min".formatted(duration.toHours(), duration.toMinutesPart());
  }

  static String time(Instant instant, ZoneId zone) {
    return TIME.format(instant.atZone(zone));
  }

  /** {@code 1 job}, {@code 3 jobs}. */
  static String jobs(long number) {
    return number == 1 ? "1 job" : count(number) + " jobs";
  }

  /** {@code 1 row}, {@code 3 rows}. */
  static String rows(long number) {
    return number == 1 ? "1 row" : count(number) + " rows";
  }

  /** Lines of at most the given width; words are not broken. */
  static List<String> wrapped(String text, int width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : WORDS.splitAsStream(text.strip()).toList()) {
      if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    lines.add(line.toString());
    return lines;
  }
}
