package dev.koyomi.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A BatchSchedule before it is applied; each change gives a new one. */
record Manifest(ObjectNode tree) {

  static Manifest read(Path file) throws IOException {
    return new Manifest((ObjectNode) Yaml.documents(Files.readString(file)).getFirst());
  }

  String name() {
    return tree.at("/metadata/name").asText();
  }

  /** The CronJob of its first entry. */
  String cronJob() {
    return name() + "-" + tree.at("/spec/schedules/0/name").asText();
  }

  Manifest named(String name) {
    return with("metadata: {name: %s}".formatted(name));
  }

  Manifest in(String namespace) {
    return with("metadata: {namespace: %s}".formatted(namespace));
  }

  Manifest suspended(boolean suspended) {
    return with("spec: {suspend: %s}".formatted(suspended));
  }

  Manifest cron(String cron) {
    Manifest changed = new Manifest(tree.deepCopy());
    ((ObjectNode) changed.tree.at("/spec/schedules/0")).put("cron", cron);
    return changed;
  }

  /** Lays a piece of YAML over the manifest: objects are merged, the rest is replaced. */
  Manifest with(String yaml) {
    return new Manifest(merged(tree.deepCopy(), Yaml.documents(yaml).getFirst()));
  }

  private static ObjectNode merged(ObjectNode under, JsonNode over) {
    over.properties()
        .forEach(
            field -> {
              if (field.getValue().isObject()
                  && under.get(field.getKey()) instanceof ObjectNode child) {
                merged(child, field.getValue());
              } else {
                under.set(field.getKey(), field.getValue());
              }
            });
    return under;
  }

  String json() {
    return tree.toPrettyString();
  }

  GenericKubernetesResource resource() {
    return Serialization.unmarshal(json(), GenericKubernetesResource.class);
  }
}
