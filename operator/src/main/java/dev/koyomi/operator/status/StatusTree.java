package dev.koyomi.operator.status;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.koyomi.crds.BatchScheduleStatus;
import dev.koyomi.crds.BatchScheduleStatus.Condition;
import dev.koyomi.crds.BatchScheduleStatus.LastRun;
import dev.koyomi.crds.BatchScheduleStatus.Queue;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The status as it is stored: compared as a tree, so that what another version wrote cannot stop
 * it.
 */
public final class StatusTree {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .defaultPropertyInclusion(
              JsonInclude.Value.construct(
                  JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private StatusTree() {}

  /** The new status; equal to {@code stored} when there is nothing to write. */
  public static JsonNode of(Findings findings, @Nullable JsonNode stored, Instant now) {
    JsonNode before = stored == null ? JSON.createObjectNode() : stored;
    Optional<Observed> observed = findings.observed();
    LastRun lastRun =
        observed.isPresent()
            ? observed.get().lastRun().map(Observed.Run::shown).orElse(null)
            : part(before.get("lastRun"), LastRun.class);
    Queue queue =
        observed.isPresent() ? observed.get().queue() : part(before.get("queue"), Queue.class);
    BatchScheduleStatus status =
        new BatchScheduleStatus(
            findings.generation(),
            Conditions.of(findings, conditions(before), now),
            findings.nextScheduleTime().map(Instant::toString).orElse(null),
            findings.cronJobs(),
            lastRun,
            queue);
    return reread(JSON.valueToTree(status));
  }

  private static Map<String, Condition> conditions(JsonNode stored) {
    Map<String, Condition> conditions = new HashMap<>();
    for (JsonNode node : stored.path("conditions")) {
      if (node.hasNonNull("type")
          && node.hasNonNull("status")
          && node.hasNonNull("lastTransitionTime")) {
        Condition condition = part(node, Condition.class);
        if (condition != null) {
          conditions.put(condition.type(), condition);
        }
      }
    }
    return conditions;
  }

  private static <T> @Nullable T part(@Nullable JsonNode node, Class<T> type) {
    if (node == null) {
      return null;
    }
    try {
      return JSON.treeToValue(node, type);
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      return null; // another version's: written anew
    }
  }

  /** Numbers as a reader gets them, int where they fit: a tree from a record says long. */
  private static JsonNode reread(JsonNode tree) {
    try {
      return JSON.readTree(JSON.writeValueAsString(tree));
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalStateException("A tree can always be written.", e);
    }
  }
}
