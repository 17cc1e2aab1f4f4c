package dev.koyomi.crds.plan;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.lang.annotation.Annotation;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tree into the record that mirrors it, by the very annotations that the CRD's schema is
 * made from: the same defaults, types, values and limits as at the API server. A value that breaks
 * one is a problem and reads as null.
 */
final class RecordReader {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private final Problems problems;

  RecordReader(Problems problems) {
    this.problems = problems;
  }

  <R extends Record> R read(JsonNode tree, Class<R> type, String path) {
    try {
      return MAPPER.treeToValue(object(tree, type, path), type);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Only what fits the record is left in the tree.", e);
    }
  }

  private ObjectNode object(JsonNode tree, Class<?> type, String path) {
    ObjectNode kept = JsonNodeFactory.instance.objectNode();
    List<RecordComponent> components = List.of(type.getRecordComponents());
    List<String> known = components.stream().map(RecordComponent::getName).toList();
    tree.fieldNames()
        .forEachRemaining(
            name -> {
              if (!known.contains(name)) {
                problems.add(path + "." + name, Sentences.unknownField(name, known));
              }
            });
    for (RecordComponent component : components) {
      String field = path + "." + component.getName();
      JsonNode given = tree.path(component.getName());
      JsonNode value = given.isMissingNode() || given.isNull() ? byDefault(component) : given;
      if (value != null) {
        JsonNode read = value(value, component, component.getGenericType(), field);
        if (read != null) {
          kept.set(component.getName(), read);
        }
      } else if (on(component, Required.class) != null) {
        JsonPropertyDescription what = on(component, JsonPropertyDescription.class);
        problems.add(
            field, Sentences.missing(component.getName(), what == null ? "" : what.value()));
      }
    }
    return kept;
  }

  private @Nullable JsonNode value(
      JsonNode given, RecordComponent component, Type type, String field) {
    if (type instanceof ParameterizedType parameterized) {
      Type last =
          parameterized.getActualTypeArguments()[parameterized.getActualTypeArguments().length - 1];
      return parameterized.getRawType() == Map.class
          ? map(given, component, last, field)
          : list(given, component, last, field);
    }
    Class<?> plain = (Class<?>) type;
    if (plain.isRecord()) {
      return given.isObject() ? object(given, plain, field) : wrong(field, given, "an object");
    }
    if (plain.isEnum()) {
      return choice(given, plain, field);
    }
    if (plain == Boolean.class) {
      return given.isBoolean() ? given : wrong(field, given, "true or false");
    }
    if (plain == String.class) {
      return given.isTextual() ? text(given, component, field) : wrong(field, given, "a text");
    }
    return number(given, plain, component, field);
  }

  private @Nullable JsonNode number(
      JsonNode given, Class<?> type, RecordComponent component, String field) {
    boolean whole = type != Double.class;
    if (!given.isNumber() || (whole && !given.canConvertToExactIntegral())) {
      return wrong(field, given, whole ? "a whole number" : "a number");
    }
    Min min = on(component, Min.class);
    Max max = on(component, Max.class);
    double value = given.doubleValue();
    if ((min != null && value < min.value()) || (max != null && value > max.value())) {
      problems.add(
          field,
          Sentences.outOfRange(
              given, min == null ? 0 : min.value(), max == null ? Double.MAX_VALUE : max.value()));
      return null;
    }
    return given;
  }

  private @Nullable JsonNode text(JsonNode given, RecordComponent component, String field) {
    Size size = on(component, Size.class);
    int length = given.textValue().codePointCount(0, given.textValue().length());
    if (size != null && length < size.min()) {
      problems.add(field, Sentences.empty(component.getName()));
      return null;
    }
    if (size != null && length > size.max()) {
      problems.add(field, Sentences.tooLong(length, size.max(), "characters"));
      return null;
    }
    return given;
  }

  private @Nullable JsonNode list(
      JsonNode given, RecordComponent component, Type element, String field) {
    if (!given.isArray()) {
      return wrong(field, given, "a list");
    }
    Size size = on(component, Size.class);
    if (size != null && given.size() > size.max()) {
      problems.add(field, Sentences.tooLong(given.size(), size.max(), "items"));
    }
    ArrayNode kept = JsonNodeFactory.instance.arrayNode();
    for (int i = 0; i < given.size(); i++) {
      JsonNode read = value(given.get(i), component, element, field + "[" + i + "]");
      kept.add(read == null ? JsonNodeFactory.instance.nullNode() : read);
    }
    return kept;
  }

  private @Nullable JsonNode map(
      JsonNode given, RecordComponent component, Type element, String field) {
    if (!given.isObject()) {
      return wrong(field, given, "an object");
    }
    ObjectNode kept = JsonNodeFactory.instance.objectNode();
    given
        .properties()
        .forEach(
            entry -> {
              // Kubernetes takes a quantity as a number too: cpu: 1
              JsonNode quantity =
                  entry.getValue().isNumber()
                      ? JsonNodeFactory.instance.textNode(entry.getValue().asText())
                      : entry.getValue();
              JsonNode read = value(quantity, component, element, field + "." + entry.getKey());
              if (read != null) {
                kept.set(entry.getKey(), read);
              }
            });
    return kept;
  }

  private @Nullable JsonNode choice(JsonNode given, Class<?> type, String field) {
    List<String> allowed =
        Arrays.stream(type.getEnumConstants())
            .map(constant -> ((Enum<?>) constant).name())
            .toList();
    if (given.isTextual() && allowed.contains(given.textValue())) {
      return given;
    }
    problems.add(field, Sentences.notAllowed(given, allowed));
    return null;
  }

  private @Nullable JsonNode wrong(String field, JsonNode given, String expected) {
    problems.add(field, Sentences.wrongType(given, expected));
    return null;
  }

  private static @Nullable JsonNode byDefault(RecordComponent component) {
    Default given = on(component, Default.class);
    if (given == null) {
      return null;
    }
    Class<?> type = component.getType();
    try {
      return type == String.class || type.isEnum()
          ? JsonNodeFactory.instance.textNode(given.value())
          : MAPPER.readTree(given.value());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Default of " + component, e);
    }
  }

  private static <A extends Annotation> @Nullable A on(RecordComponent component, Class<A> type) {
    try {
      return component
          .getDeclaringRecord()
          .getDeclaredField(component.getName())
          .getAnnotation(type);
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException("Each component of a record is a field.", e);
    }
  }
}
