package dev.koyomi.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.operator.testing.Room;
import java.util.Set;

/** Whether a status says that all objects are as the manifest says, be workers there or not. */
final class Applied {
  private static final Set<String> REASONS = Set.of("NoWorker", "Scheduled", "Suspended");

  private Applied() {}

  static boolean yes(JsonNode status) {
    return REASONS.contains(Room.condition(status, "Ready").path("reason").asText());
  }
}
