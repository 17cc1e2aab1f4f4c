package dev.koyomi.crds.plan;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.BatchScheduleSpec;
import org.jspecify.annotations.Nullable;

/** Reads a manifest as a whole and says all that is wrong with it at once. */
public final class Planner {
  private Planner() {}

  /** Plans a BatchSchedule: the whole object with apiVersion, kind, metadata and spec. */
  public static Planned plan(JsonNode manifest) {
    Problems problems = new Problems();
    BatchName batch = batch(manifest, problems);
    JsonNode tree = manifest.path("spec");
    if (!tree.isObject()) {
      problems.add("spec", "\"spec\" is missing: say there what the batch does.");
      return new Planned.Invalid(problems.all());
    }
    BatchScheduleSpec spec = new RecordReader(problems).read(tree, BatchScheduleSpec.class, "spec");
    Plan plan =
        new SpecCheck(problems, spec)
            .plan(batch, manifest.path("metadata").path("generation").asLong());
    return plan == null
        ? new Planned.Invalid(problems.all())
        : new Planned.Valid(plan, Definition.of(plan));
  }

  private static @Nullable BatchName batch(JsonNode manifest, Problems problems) {
    for (String name : (Iterable<String>) manifest::fieldNames) {
      if (!name.matches("apiVersion|kind|metadata|spec|status")) {
        problems.add(
            name,
            Sentences.unknownField(
                name, java.util.List.of("apiVersion", "kind", "metadata", "spec")));
      }
    }
    expect(manifest, "apiVersion", BatchSchedule.API_VERSION, problems);
    expect(manifest, "kind", BatchSchedule.KIND, problems);
    JsonNode metadata = manifest.path("metadata");
    String name = metadata.path("name").asText("");
    if (name.isEmpty()) {
      problems.add("metadata.name", "\"name\" is missing: give the batch a name.");
      return null;
    }
    String namespace = metadata.path("namespace").asText("");
    return new BatchName(namespace.isEmpty() ? "default" : namespace, name);
  }

  private static void expect(JsonNode manifest, String field, String value, Problems problems) {
    if (!manifest.path(field).asText("").equals(value)) {
      problems.add(
          field,
          manifest.path(field).isMissingNode()
              ? Sentences.missing(field, field + ": " + value)
              : "%s is not read here: write %s."
                  .formatted(Sentences.shown(manifest.path(field)), value));
    }
  }
}
