package dev.koyomi.runner.chaos;

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

  synchronized long total() {
    return hits.values().stream().mapToLong(Long::longValue).sum();
  }

  synchronized String text() {
    StringBuilder text = new StringBuilder();
    for (Fault fault : Fault.values()) {
      text.append("  %-32s %6d%n".formatted(fault.words(), of(fault)));
    }
    return text.append("  %-32s %6d%n".formatted("all", total())).toString();
  }
}
