package dev.koyomi.crds.plan;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.BatchScheduleSpec;
import dev.koyomi.crds.Rules;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads a manifest as a whole and says all that is wrong with it at once. */
public final class Planner {
  private static final List<String> FIELDS =
      List.of("apiVersion", "kind", "metadata", "spec", "status");

  private static final List<String> SPEC_FIELDS =
      Arrays.stream(BatchScheduleSpec.class.getRecordComponents())
          .map(RecordComponent::getName)
          .toList();

  private Planner() {}

  /** Plans a BatchSchedule: the whole object with apiVersion, kind, metadata and spec. */
  public static Planned plan(JsonNode manifest) {
    Problems problems = new Problems();
    JsonNode kind = manifest.path("kind");
    if (!kind.asText().equals(BatchSchedule.KIND)) {
      problems.add(
          "kind",
          kind.isTextual()
              ? "%s is another kind of object: write BatchSchedule."
                  .formatted(Sentences.shown(kind))
              : Sentences.missing("kind", "kind: " + BatchSchedule.KIND));
      return new Planned.Invalid(problems.all());
    }
    BatchName batch = head(manifest, problems);
    JsonNode tree = manifest.path("spec");
    if (!tree.isObject()) {
      problems.add(
          "spec",
          tree.isMissingNode() || tree.isNull()
              ? Sentences.missing("spec", "what the batch does")
              : Sentences.wrongType(tree, "an object", null));
      return new Planned.Invalid(problems.all());
    }
    BatchScheduleSpec spec = new RecordReader(problems).read(tree, BatchScheduleSpec.class, "spec");
    SpecCheck check =
        new SpecCheck(problems, spec, manifest.path("metadata").path("name").asText());
    return problems.none() && batch != null
        ? valid(check.plan(batch, manifest.path("metadata").path("generation").asLong()))
        : new Planned.Invalid(problems.all());
  }

  private static Planned valid(Plan plan) {
    return new Planned.Valid(plan, Definition.of(plan));
  }

  private static @Nullable BatchName head(JsonNode manifest, Problems problems) {
    for (String name : (Iterable<String>) manifest::fieldNames) {
      if (!FIELDS.contains(name)) {
        problems.add(
            name.isEmpty() ? "\"\"" : name,
            SPEC_FIELDS.contains(name)
                ? "\"%s\" belongs into spec: move it there.".formatted(name)
                : Sentences.unknownField(name, FIELDS));
      }
    }
    JsonNode version = manifest.path("apiVersion");
    if (!version.asText().equals(BatchSchedule.API_VERSION)) {
      problems.add(
          "apiVersion",
          version.isTextual()
              ? "%s is not known to this release: write %s."
                  .formatted(Sentences.shown(version), BatchSchedule.API_VERSION)
              : Sentences.missing("apiVersion", "apiVersion: " + BatchSchedule.API_VERSION));
    }
    String name = name(manifest, "name", problems);
    String namespace = name(manifest, "namespace", problems);
    if (name.length() > Rules.CRONJOB_NAME_LENGTH) {
      problems.add("metadata.name", Rules.NAME_LENGTH);
    }
    if (name.isEmpty()) {
      problems.add("metadata.name", Sentences.missing("name", "what the batch is called"));
      return null;
    }
    return problems.none()
        ? new BatchName(namespace.isEmpty() ? "default" : namespace, name)
        : null;
  }

  /** A name of Kubernetes; empty when there is none or it cannot be one. */
  private static String name(JsonNode manifest, String field, Problems problems) {
    JsonNode given = manifest.path("metadata").path(field);
    if (given.isMissingNode() || given.isNull()) {
      return "";
    }
    if (!given.isTextual() || !given.asText().matches(Rules.SECRET_NAME_PATTERN)) {
      problems.add(
          "metadata." + field,
          "%s is no name: use lower-case letters, digits and -, and begin and end with a letter or digit."
              .formatted(Sentences.shown(given)));
    }
    return given.asText();
  }
}
