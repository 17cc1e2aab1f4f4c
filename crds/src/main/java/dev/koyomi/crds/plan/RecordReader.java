package dev.koyomi.crds.plan;

import com.fasterxml.jackson.annotation.JsonClassDescription;
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
import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tree into the record that mirrors it, by the very annotations that the CRD's schema is
 * made from: the same defaults, types, values and limits as at the API server. A value that breaks
 * one is a problem and reads as null.
 */
final class RecordReader {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

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
    List<RecordComponent> components = List.of(type.getRecordComponents());
    List<String> known = components.stream().map(RecordComponent::getName).toList();
    for (String name : (Iterable<String>) tree::fieldNames) {
      if (!known.contains(name)) {
        problems.add(path + "." + name, Sentences.unknownField(name, known));
      }
    }
    ObjectNode kept = NODES.objectNode();
    for (RecordComponent component : components) {
      String field = path + "." + component.getName();
      JsonNode given = tree.path(component.getName());
      JsonNode value = given.isMissingNode() || given.isNull() ? byDefault(component) : given;
      JsonNode read = value == null ? null : value(value, component, field);
      if (read != null) {
        kept.set(component.getName(), read);
      } else if (value == null && on(component, Required.class) != null) {
        problems.add(field, Sentences.missing(component.getName(), description(component)));
      }
    }
    return kept;
  }

  private @Nullable JsonNode value(JsonNode given, RecordComponent component, String field) {
    if (component.getGenericType() instanceof ParameterizedType generic) {
      return component.getType() == Map.class
          ? map(given, component, field)
          : list(given, component, (Class<?>) generic.getActualTypeArguments()[0], field);
    }
    return single(given, component.getType(), component, field);
  }

  private @Nullable JsonNode single(
      JsonNode given, Class<?> type, RecordComponent component, String field) {
    if (type.isRecord()) {
      return given.isObject() ? object(given, type, field) : wrong(field, given, "an object", null);
    }
    if (type.isEnum()) {
      return choice(given, type, field);
    }
    if (type == Boolean.class) {
      return given.isBoolean() ? given : wrong(field, given, "true or false", null);
    }
    return type == String.class
        ? text(given, component, on(component, Size.class), field)
        : number(given, type, component, field);
  }

  private @Nullable JsonNode number(
      JsonNode given, Class<?> type, RecordComponent component, String field) {
    boolean whole = type != Double.class;
    if (!given.isNumber()
        || (given.isDouble() && !Double.isFinite(given.doubleValue()))
        || (whole && !given.canConvertToExactIntegral())) {
      return wrong(field, given, whole ? "a whole number" : "a number", example(component));
    }
    Min min = on(component, Min.class);
    Max max = on(component, Max.class);
    double value = given.doubleValue();
    if (min != null && max != null && (value < min.value() || value > max.value())) {
      problems.add(field, Sentences.outOfRange(given, min.value(), max.value()));
      return null;
    }
    return given;
  }

  private @Nullable JsonNode text(
      JsonNode given, RecordComponent component, @Nullable Size size, String field) {
    if (!given.isTextual()) {
      problems.add(field, Sentences.notText(given, example(component)));
      return null;
    }
    OptionalInt unstorable =
        given.textValue().codePoints().filter(RecordReader::unstorable).findFirst();
    if (unstorable.isPresent()) {
      problems.add(field, Sentences.notStored(unstorable.getAsInt()));
      return null;
    }
    int length = given.textValue().codePointCount(0, given.textValue().length());
    if (size != null && length < size.min()) {
      problems.add(field, Sentences.empty(component.getName()));
      return null;
    }
    if (size != null && length > size.max()) {
      problems.add(field, Sentences.tooMany(length, size.max(), "characters"));
      return null;
    }
    return given;
  }

  private static boolean unstorable(int character) {
    return character == 0
        || (character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE);
  }

  private @Nullable JsonNode list(
      JsonNode given, RecordComponent component, Class<?> element, String field) {
    if (!given.isArray()) {
      return wrong(field, given, "a list", null);
    }
    checkCount(given, component, field);
    ArrayNode kept = NODES.arrayNode();
    for (int i = 0; i < given.size(); i++) {
      String item = field + "[" + i + "]";
      JsonNode read =
          element == String.class
              ? text(given.get(i), component, ofElement(component), item)
              : single(given.get(i), element, component, item);
      kept.add(read == null ? NODES.nullNode() : read);
    }
    return kept;
  }

  /** The limit of a list's texts stands within the brackets of its type. */
  private static @Nullable Size ofElement(RecordComponent component) {
    return component.getAnnotatedType() instanceof AnnotatedParameterizedType list
        ? list.getAnnotatedActualTypeArguments()[0].getAnnotation(Size.class)
        : null;
  }

  /** Maps are of quantities, which Kubernetes takes as whole numbers too. */
  private @Nullable JsonNode map(JsonNode given, RecordComponent component, String field) {
    if (!given.isObject()) {
      return wrong(field, given, "an object", null);
    }
    checkCount(given, component, field);
    ObjectNode kept = NODES.objectNode();
    for (Map.Entry<String, JsonNode> entry : given.properties()) {
      JsonNode value = entry.getValue();
      if (value.isTextual() || value.isIntegralNumber()) {
        kept.put(entry.getKey(), value.asText());
      } else {
        problems.add(field + "." + entry.getKey(), Sentences.notText(value, null));
      }
    }
    return kept;
  }

  private void checkCount(JsonNode given, RecordComponent component, String field) {
    Size size = on(component, Size.class);
    if (size != null && given.size() < size.min()) {
      problems.add(field, Sentences.empty(component.getName()));
    }
    if (size != null && given.size() > size.max()) {
      problems.add(field, Sentences.tooMany(given.size(), size.max(), "items"));
    }
  }

  private @Nullable JsonNode choice(JsonNode given, Class<?> type, String field) {
    List<String> allowed =
        Arrays.stream(type.getEnumConstants()).map(value -> ((Enum<?>) value).name()).toList();
    if (given.isTextual() && allowed.contains(given.textValue())) {
      return given;
    }
    problems.add(field, Sentences.notAllowed(given, allowed));
    return null;
  }

  private @Nullable JsonNode wrong(
      String field, JsonNode given, String expected, @Nullable String example) {
    problems.add(field, Sentences.wrongType(given, expected, example));
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
          ? NODES.textNode(given.value())
          : MAPPER.readTree(given.value());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("The default of " + component, e);
    }
  }

  private static @Nullable String example(RecordComponent component) {
    Default given = on(component, Default.class);
    return given == null ? null : given.value();
  }

  private static String description(RecordComponent component) {
    JsonPropertyDescription own = on(component, JsonPropertyDescription.class);
    JsonClassDescription type = component.getType().getAnnotation(JsonClassDescription.class);
    return own != null ? own.value() : type != null ? type.value() : component.getName();
  }

  /** Annotations of a record's component are on its field. */
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
