package dev.koyomi.runner.chaos;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/** How often each kind of fault hit work that was in somebody's hands. */
final class Histogram {
  private final Map<Fault, Long> hits = new EnumMap<>(Fault.class);

  synchronized void hit(Fault fault, long times) {
    hits.merge(fault, times, Long::sum);
  }

  synchronized long of(Fault fault) {
    return hits.getOrDefault(fault, 0L);
  }

  /** Of the kind that was hit least. */
  long least() {
    return Arrays.stream(Fault.values()).mapToLong(this::of).min().orElseThrow();
  }

  long total() {
    return Arrays.stream(Fault.values()).mapToLong(this::of).sum();
  }

  long atCommit() {
    return Arrays.stream(Fault.values()).filter(Fault::atCommit).mapToLong(this::of).sum();
  }

  String text() {
    StringBuilder text = new StringBuilder();
    for (Fault fault : Fault.values()) {
      line(text, fault.words(), of(fault));
    }
    line(text, "between advance and COMMIT", atCommit());
    line(text, "all", total());
    return text.toString();
  }

  private static void line(StringBuilder text, String words, long hits) {
    text.append("  %-42s %6d%n".formatted(words, hits));
  }
}
