package dev.koyomi.crds;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;

/** The page about all fields, from the CRD, in the order of the records. */
final class FieldReference {
  private static final String HEAD =
      """
      # BatchSchedule: all fields

      <!-- Generated from the records of crds/src/main/java; after a change there: mvn verify -pl crds -Dkoyomi.update=true -->

      `kubectl explain batchschedule.spec` prints the same on a cluster, and `koyomi validate FILE` checks a manifest against all of it without one.
      What depends on several fields is under [Rules](#rules).
      """;

  /** A field with what its object says about it. */
  record Field(JsonNode schema, boolean required, boolean duration) {}

  private FieldReference() {}

  static String markdown(JsonNode crd) {
    StringBuilder page = new StringBuilder(HEAD);
    for (String section : List.of("spec", "status")) {
      page.append("\n## ").append(section).append("\n\n");
      page.append("| field | type | default | constraint | description |\n");
      page.append("|---|---|---|---|---|\n");
      fields(crd)
          .forEach(
              (path, field) -> {
                if (path.startsWith(section + ".")) {
                  page.append(row(path, field));
                }
              });
    }
    page.append("\n## Rules\n\n");
    page.append("Refused by the API server, with this sentence.\n\n");
    page.append("| where | sentence |\n|---|---|\n");
    rules(crd).forEach(page::append);
    return page.toString();
  }

  /** All fields by path; those of a list's items as {@code list[].field}. */
  static Map<String, Field> fields(JsonNode crd) {
    Map<String, Field> fields = new LinkedHashMap<>();
    JsonNode root = root(crd);
    collect(fields, "spec", root.at("/properties/spec"), BatchScheduleSpec.class);
    collect(fields, "status", root.at("/properties/status"), BatchScheduleStatus.class);
    return fields;
  }

  private static void collect(
      Map<String, Field> fields, String path, JsonNode schema, Class<?> record) {
    for (RecordComponent component : record.getRecordComponents()) {
      JsonNode property = schema.path("properties").path(component.getName());
      String field = path + "." + component.getName();
      fields.put(field, field(schema, component.getName(), property));
      if (component.getType().isRecord()) {
        collect(fields, field, property, component.getType());
      } else if (component.getGenericType() instanceof ParameterizedType generic
          && item(generic) instanceof Class<?> item
          && item.isRecord()) {
        collect(fields, field + "[]", property.path("items"), item);
      }
    }
  }

  private static Field field(JsonNode object, String name, JsonNode schema) {
    boolean required = false;
    for (JsonNode one : object.path("required")) {
      required |= one.asText().equals(name);
    }
    boolean duration = false;
    for (JsonNode rule : object.path("x-kubernetes-validations")) {
      duration |=
          rule.path("fieldPath").asText().equals("." + name)
              && rule.path("message").asText().equals(Rules.DURATION);
    }
    return new Field(schema, required, duration);
  }

  private static Type item(ParameterizedType generic) {
    return generic.getActualTypeArguments()[0];
  }

  private static String row(String path, Field field) {
    JsonNode schema = field.schema();
    JsonNode preset = schema.path("default");
    return "| `%s` | %s | %s | %s | %s |\n"
        .formatted(
            path,
            field.duration() ? duration(schema) : type(schema),
            preset.isMissingNode() || preset.isObject() ? "" : "`" + preset.asText() + "`",
            constraint(field),
            escape(schema.path("description").asText()));
  }

  private static String duration(JsonNode schema) {
    return schema.path("type").asText().equals("array") ? "list of durations" : "duration";
  }

  private static String type(JsonNode schema) {
    String type = schema.path("type").asText();
    return switch (type) {
      case "array" -> "list";
      case "object" -> schema.has("additionalProperties") ? "map of quantities" : "object";
      default -> schema.path("format").asText(type).replaceFirst("int(32|64)", "integer");
    };
  }

  private static String constraint(Field field) {
    JsonNode schema = field.schema();
    List<String> parts = new ArrayList<>();
    if (field.required()) {
      parts.add("required");
    }
    if (schema.has("enum")) {
      parts.add(
          String.join(
              ", ",
              StreamSupport.stream(schema.path("enum").spliterator(), false)
                  .map(value -> "`" + value.asText() + "`")
                  .toList()));
    }
    if (schema.has("minimum")) {
      parts.add(schema.path("minimum").asText() + " to " + schema.path("maximum").asText());
    }
    if (schema.has("maxLength") && !field.duration()) {
      parts.add("at most " + schema.path("maxLength").asText() + " characters");
    }
    if (schema.has("maxItems")) {
      String most = schema.path("maxItems").asText() + " items";
      parts.add(
          schema.has("minItems")
              ? schema.path("minItems").asText() + " to " + most
              : "at most " + most);
    }
    return String.join("; ", parts);
  }

  private static List<String> rules(JsonNode crd) {
    List<String> rows = new ArrayList<>(rows("", root(crd)));
    rows.addAll(rows("spec", root(crd).at("/properties/spec")));
    fields(crd)
        .forEach(
            (path, field) -> {
              rows.addAll(rows(path, field.schema()));
              rows.addAll(rows(path + "[]", field.schema().path("items")));
            });
    return rows;
  }

  private static List<String> rows(String path, JsonNode schema) {
    List<String> rows = new ArrayList<>();
    for (JsonNode rule : schema.path("x-kubernetes-validations")) {
      String field = (path + rule.path("fieldPath").asText()).replaceFirst("^\\.", "");
      rows.add(
          "| `%s` | %s |\n"
              .formatted(
                  field.isEmpty() ? "metadata.name" : field,
                  escape(rule.path("message").asText())));
    }
    return rows;
  }

  private static JsonNode root(JsonNode crd) {
    return crd.at("/spec/versions/0/schema/openAPIV3Schema");
  }

  private static String escape(String text) {
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*");
  }
}
