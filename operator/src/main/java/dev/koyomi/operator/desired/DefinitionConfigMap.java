package dev.koyomi.operator.desired;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import java.util.Map;

/**
 * What the runner works by; immutable, and named by its content, so that a pod keeps what it was
 * made with.
 */
final class DefinitionConfigMap {
  static final String KEY = "definition.json";

  private DefinitionConfigMap() {}

  static String name(Blueprint blueprint) {
    return blueprint.batch().name() + "-" + blueprint.definition().revision();
  }

  static ConfigMap of(Blueprint blueprint) {
    return new ConfigMapBuilder()
        .withMetadata(blueprint.metadata(name(blueprint), Component.DEFINITION))
        .withImmutable(true)
        .withData(Map.of(KEY, blueprint.definition().json()))
        .build();
  }
}
