package dev.koyomi.operator.testing;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.server.mock.KubernetesCrudDispatcher;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.fabric8.mockwebserver.crud.AttributeSet;
import io.fabric8.mockwebserver.http.MockResponse;
import io.fabric8.mockwebserver.http.RecordedRequest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Teaches the mock server what the operator needs of server-side apply: create or merge, one entry
 * in managedFields, the status subresource. It has no conflicts, no removal of single fields, no
 * merging of lists, no defaults and no validation: the truth about those comes from a real server.
 */
final class ApplyDispatcher extends KubernetesCrudDispatcher {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Override
  public synchronized MockResponse handlePatch(RecordedRequest request) {
    String type = request.getHeader("Content-Type");
    if (type == null || !type.startsWith("application/apply-patch")) {
      return super.handlePatch(request);
    }
    boolean status = request.getPath().split("\\?", -1)[0].endsWith("/status");
    String path = request.getPath().split("\\?", -1)[0].replaceFirst("/status$", "");
    AttributeSet key = getKey(path);
    Map.Entry<AttributeSet, String> stored = findResource(key);
    try {
      ObjectNode patch = (ObjectNode) JSON.readTree(request.getBody().readUtf8());
      if (status) {
        return applyStatus(path, key, stored, patch);
      }
      ObjectNode result =
          stored == null
              ? created(patch)
              : changed((ObjectNode) JSON.readTree(stored.getValue()), patch);
      if (stored != null && result.equals(JSON.readTree(stored.getValue()))) {
        return answer(result);
      }
      return store(path, key, stored, result);
    } catch (JsonProcessingException e) {
      return new MockResponse().setResponseCode(400).setBody(String.valueOf(e.getMessage()));
    }
  }

  private MockResponse applyStatus(
      String path,
      AttributeSet key,
      Map.@Nullable Entry<AttributeSet, String> stored,
      ObjectNode patch)
      throws JsonProcessingException {
    if (stored == null) {
      return new MockResponse().setResponseCode(404);
    }
    ObjectNode result = (ObjectNode) JSON.readTree(stored.getValue());
    result.set("status", patch.path("status"));
    return store(path, key, stored, result);
  }

  private static ObjectNode created(ObjectNode patch) {
    ObjectNode result = patch.deepCopy();
    ObjectNode metadata = (ObjectNode) result.get("metadata");
    metadata.put("uid", UUID.randomUUID().toString());
    metadata.put("generation", 1);
    metadata.put("creationTimestamp", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    metadata.set("managedFields", managedFields(patch));
    return result;
  }

  private static ObjectNode changed(ObjectNode stored, ObjectNode patch) {
    ObjectNode result = stored.deepCopy();
    merge(result, patch);
    ObjectNode metadata = (ObjectNode) result.get("metadata");
    if (!result.path("spec").equals(stored.path("spec"))) {
      metadata.put("generation", metadata.path("generation").asLong() + 1);
    }
    metadata.set("managedFields", managedFields(patch));
    return result;
  }

  private static void merge(ObjectNode into, ObjectNode patch) {
    for (Map.Entry<String, JsonNode> field : patch.properties()) {
      if (field.getValue() instanceof ObjectNode change
          && into.get(field.getKey()) instanceof ObjectNode target) {
        merge(target, change);
      } else {
        into.set(field.getKey(), field.getValue());
      }
    }
  }

  private static JsonNode managedFields(ObjectNode patch) {
    ObjectNode entry = JSON.createObjectNode();
    entry.put("manager", "koyomi-operator").put("operation", "Apply");
    entry.put("apiVersion", patch.path("apiVersion").asText()).put("fieldsType", "FieldsV1");
    entry.set("fieldsV1", fields(patch));
    return JSON.createArrayNode().add(entry);
  }

  private static ObjectNode fields(JsonNode node) {
    ObjectNode fields = JSON.createObjectNode();
    if (node.isObject()) {
      node.properties()
          .forEach(field -> fields.set("f:" + field.getKey(), fields(field.getValue())));
    }
    return fields;
  }

  private MockResponse store(
      String path,
      AttributeSet key,
      Map.@Nullable Entry<AttributeSet, String> stored,
      ObjectNode result) {
    ((ObjectNode) result.get("metadata"))
        .put("resourceVersion", String.valueOf(requestResourceVersion()));
    String text = result.toString();
    processEvent(
        path,
        key,
        Optional.ofNullable(stored).map(Map.Entry::getKey).orElse(null),
        Serialization.unmarshal(text, GenericKubernetesResource.class),
        text);
    return answer(result);
  }

  private static MockResponse answer(ObjectNode object) {
    return new MockResponse().setResponseCode(200).setBody(object.toString());
  }
}
