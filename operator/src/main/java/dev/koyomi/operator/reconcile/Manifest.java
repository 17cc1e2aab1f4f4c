package dev.koyomi.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.plan.BatchName;
import java.util.HashSet;
import java.util.Set;

/** A stored BatchSchedule as the planner and others read it. */
final class Manifest {
  private Manifest() {}

  static BatchName nameOf(BatchSchedule schedule) {
    return new BatchName(schedule.getMetadata().getNamespace(), schedule.getMetadata().getName());
  }

  /** What a person wrote, without what the server adds. */
  static JsonNode treeOf(BatchSchedule schedule) {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put("apiVersion", BatchSchedule.API_VERSION).put("kind", BatchSchedule.KIND);
    tree.putObject("metadata")
        .put("name", schedule.getMetadata().getName())
        .put("namespace", schedule.getMetadata().getNamespace())
        .put("generation", schedule.getMetadata().getGeneration());
    JsonNode spec = schedule.getSpec();
    if (spec != null) {
      tree.set("spec", spec);
    }
    return tree;
  }

  /** Names of the CronJobs that it asks for, also when the rest of it makes no sense. */
  static Set<String> cronJobNames(BatchSchedule schedule) {
    Set<String> names = new HashSet<>();
    JsonNode spec = schedule.getSpec();
    if (spec != null) {
      spec.path("schedules")
          .forEach(
              entry ->
                  names.add(schedule.getMetadata().getName() + "-" + entry.path("name").asText()));
    }
    return names;
  }
}
