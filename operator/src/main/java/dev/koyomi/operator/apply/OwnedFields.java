package dev.koyomi.operator.apply;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;

/**
 * Whether a field manager still owns all that an object states: who changes a field of ours, or
 * takes it away, takes it out of our entry in {@code metadata.managedFields}. So a change by
 * somebody else is found without comparing values, which the API server may store in another form.
 */
final class OwnedFields {
  private static final ObjectMapper JSON = new ObjectMapper();

  private OwnedFields() {}

  /**
   * Whether the entry covers the object.
   *
   * @param desired what was applied
   * @param owned {@code fieldsV1} of our entry
   */
  static boolean cover(JsonNode desired, JsonNode owned) {
    for (Map.Entry<String, JsonNode> field : desired.properties()) {
      boolean covered =
          switch (field.getKey()) {
            case "apiVersion", "kind" -> true;
            case "metadata" -> coverMetadata(field.getValue(), owned.path("f:metadata"));
            default -> coverField(field.getKey(), field.getValue(), owned);
          };
      if (!covered) {
        return false;
      }
    }
    return true;
  }

  private static boolean coverMetadata(JsonNode metadata, JsonNode owned) {
    for (Map.Entry<String, JsonNode> field : metadata.properties()) {
      boolean identity = field.getKey().equals("name") || field.getKey().equals("namespace");
      if (!identity && !coverField(field.getKey(), field.getValue(), owned)) {
        return false;
      }
    }
    return true;
  }

  private static boolean coverField(String name, JsonNode value, JsonNode owned) {
    JsonNode child = owned.get("f:" + name);
    return child != null && coverValue(value, child);
  }

  private static boolean coverValue(JsonNode value, JsonNode owned) {
    if (owned.isEmpty()) {
      return true; // a scalar, or a list or map that is owned as a whole
    }
    if (value.isObject()) {
      for (Map.Entry<String, JsonNode> field : value.properties()) {
        if (!coverField(field.getKey(), field.getValue(), owned)) {
          return false;
        }
      }
      return true;
    }
    for (JsonNode item : value) {
      if (!coverItem(item, owned)) {
        return false;
      }
    }
    return true;
  }

  private static boolean coverItem(JsonNode item, JsonNode owned) {
    for (Map.Entry<String, JsonNode> entry : owned.properties()) {
      String key = entry.getKey();
      if (key.startsWith("k:") && hasKeys(item, parse(key.substring(2)))) {
        return coverValue(item, entry.getValue());
      }
      if (key.startsWith("v:") && item.equals(parse(key.substring(2)))) {
        return true;
      }
    }
    return false;
  }

  private static boolean hasKeys(JsonNode item, JsonNode keys) {
    return keys.properties().stream()
        .allMatch(key -> key.getValue().equals(item.get(key.getKey())));
  }

  private static JsonNode parse(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("The API server wrote a managed field " + text, e);
    }
  }
}
