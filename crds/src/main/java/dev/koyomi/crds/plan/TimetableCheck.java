package dev.koyomi.crds.plan;

import dev.koyomi.crds.Rules;
import dev.koyomi.crds.ScheduleEntry;
import dev.koyomi.crds.occurrence.Cron;
import dev.koyomi.crds.occurrence.CronProblem;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Checks when the batch fires. */
final class TimetableCheck {
  private final Problems problems;

  TimetableCheck(Problems problems) {
    this.problems = problems;
  }

  @Nullable ZoneId zone(@Nullable String name) {
    if (name == null) {
      return null;
    }
    Set<String> zones = zones();
    if (zones.contains(name)) {
      return ZoneId.of(name);
    }
    problems.add(
        "spec.timeZone",
        "\"%s\" is no time zone: %s"
            .formatted(
                name,
                nearest(name, zones)
                    .map(near -> "did you mean \"" + near + "\"?")
                    .orElse("write a name of the IANA database, such as Asia/Tokyo or UTC.")));
    return null;
  }

  /** By name; an entry that cannot be read is left out. */
  Map<String, Cron> crons(@Nullable List<ScheduleEntry> entries, String batch) {
    Map<String, Cron> crons = new LinkedHashMap<>();
    Map<String, Integer> places = new HashMap<>();
    for (int i = 0; entries != null && i < entries.size(); i++) {
      ScheduleEntry entry = entries.get(i);
      String path = "spec.schedules[" + i + "]";
      String name = entry == null ? null : entry.name();
      if (name != null) {
        checkName(name, batch, path);
        Integer before = places.putIfAbsent(name, i);
        if (before != null) {
          problems.add(path + ".name", Sentences.taken(name, "spec.schedules[" + before + "]"));
        }
      }
      Cron cron = entry == null || entry.cron() == null ? null : cron(entry.cron(), path);
      if (name != null && cron != null) {
        crons.putIfAbsent(name, cron);
      }
    }
    return crons;
  }

  private void checkName(String name, String batch, String path) {
    if (!name.matches(Rules.ENTRY_NAME_PATTERN)) {
      problems.add(path + ".name", Rules.ENTRY_NAME);
    }
    if (batch.length() + 1 + name.length() > Rules.CRONJOB_NAME_LENGTH) {
      problems.add("spec.schedules", Rules.CRONJOB_NAME);
    }
  }

  private @Nullable Cron cron(String text, String path) {
    try {
      return Cron.parse(text);
    } catch (CronProblem e) {
      problems.add(path + ".cron", e.getMessage());
      return null;
    }
  }

  /** The zones that Kubernetes knows too. */
  private static Set<String> zones() {
    Set<String> zones = new TreeSet<>(ZoneId.getAvailableZoneIds());
    zones.removeIf(zone -> zone.startsWith("SystemV/"));
    return zones;
  }

  private static Optional<String> nearest(String name, Set<String> zones) {
    return zones.stream()
        .filter(zone -> zone.substring(zone.lastIndexOf('/') + 1).equalsIgnoreCase(name))
        .findFirst()
        .or(() -> NearestName.of(name, zones));
  }
}
