package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;

/** One condition of a batch's status; all fields are empty when it is not there. */
record Condition(String status, String reason, String message) {
  private static final ObjectMapper JSON = new ObjectMapper();

  static Condition of(GenericKubernetesResource batch, String type) {
    for (JsonNode condition : status(batch).path("conditions")) {
      if (condition.path("type").asText().equals(type)) {
        return new Condition(
            condition.path("status").asText(),
            condition.path("reason").asText(),
            condition.path("message").asText());
      }
    }
    return new Condition("", "", "");
  }

  static JsonNode status(GenericKubernetesResource batch) {
    return JSON.valueToTree(batch.getAdditionalProperties()).path("status");
  }

  void assertTrue() {
    assertThat(status).as("%s", this).isEqualTo("True");
  }
}
