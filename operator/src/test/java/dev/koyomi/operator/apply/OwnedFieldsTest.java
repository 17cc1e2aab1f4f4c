package dev.koyomi.operator.apply;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

final class OwnedFieldsTest {
  private static final String DESIRED =
      """
      {"apiVersion": "apps/v1", "kind": "Deployment",
       "metadata": {"name": "w", "namespace": "n", "labels": {"a": "b"}},
       "spec": {"replicas": 2, "emptyDir": {},
                "containers": [{"name": "runner", "ports": [{"containerPort": 8080, "protocol": "TCP"}]}],
                "args": ["work", "--x"], "set": ["one"]}}
      """;
  private static final String OWNED =
      """
      {"f:metadata": {"f:labels": {"f:a": {}}},
       "f:spec": {"f:replicas": {}, "f:emptyDir": {},
                  "f:containers": {"k:{\\"name\\":\\"runner\\"}": {".": {}, "f:name": {},
                      "f:ports": {"k:{\\"containerPort\\":8080,\\"protocol\\":\\"TCP\\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}}}},
                  "f:args": {}, "f:set": {"v:\\"one\\"": {}}}}
      """;

  @Test
  void coversWhatWasApplied() {
    assertThat(cover(DESIRED, OWNED)).isTrue();
  }

  @Test
  void missesAFieldThatSomebodyElseTook() {
    assertThat(cover(DESIRED, OWNED.replace("\"f:replicas\": {}, ", ""))).isFalse();
  }

  @Test
  void missesALabel() {
    assertThat(cover(DESIRED, OWNED.replace("{\"f:a\": {}}", "{\"f:other\": {}}"))).isFalse();
  }

  @Test
  void missesAnItemOfAList() {
    assertThat(cover(DESIRED, OWNED.replace("\\\"runner\\\"", "\\\"other\\\""))).isFalse();
    assertThat(cover(DESIRED, OWNED.replace("8080", "9090"))).isFalse();
    assertThat(cover(DESIRED, OWNED.replace("v:\\\"one\\\"", "v:\\\"two\\\""))).isFalse();
  }

  @Test
  void missesAFieldInsideAnItem() {
    assertThat(cover(DESIRED, OWNED.replace("\"f:containerPort\": {}, ", ""))).isFalse();
  }

  private static boolean cover(String desired, String owned) {
    return OwnedFields.cover(tree(desired), tree(owned));
  }

  private static JsonNode tree(String json) {
    try {
      return new ObjectMapper().readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
