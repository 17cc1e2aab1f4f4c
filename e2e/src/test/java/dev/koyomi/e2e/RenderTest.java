package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.HasMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** What the operator applies: what {@code render} says, and nothing at rest. */
@ExtendWith(OnCluster.class)
@Isolated("waits for the operator to be at rest")
final class RenderTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration AT_REST = Duration.ofSeconds(20);
  private static Room room;
  private static Manifest manifest;

  @BeforeAll
  static void applied(Room room) throws IOException {
    RenderTest.room = room;
    manifest = room.billing();
    room.applyAndAwaitReady(manifest);
    Room.eventually()
        .alias("all workers are there, which is the last news for the status")
        .untilAsserted(
            () ->
                assertThat(Condition.of(room.batch(manifest.name()), "Reconciling").status())
                    .isEqualTo("False"));
  }

  @Test
  void renderPrintsWhatIsOnTheCluster(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("batch.json");
    Files.writeString(file, manifest.json());
    Command.Ended rendered = room.installation().koyomi("render", file.toString());
    assertThat(rendered.status()).as(rendered.errors()).isZero();
    Map<String, JsonNode> wanted =
        Yaml.documents(rendered.output()).stream()
            .collect(
                Collectors.toMap(
                    object ->
                        object.at("/kind").asText() + "/" + object.at("/metadata/name").asText(),
                    object -> object));
    Map<String, HasMetadata> found = new TreeMap<>(room.objectsOf(manifest.name()));
    // Whether the schema must be migrated is in the database, not in the manifest.
    found.keySet().removeIf(name -> name.startsWith("Job/" + manifest.name() + "-migrate-"));
    assertThat(found.keySet()).containsExactlyInAnyOrderElementsOf(wanted.keySet());
    wanted.forEach(
        (name, object) ->
            assertContains(
                withoutInstallation(Objects.requireNonNull(found.get(name))), object, name));
  }

  @Test
  void aRestartedOperatorWritesNothing() throws IOException {
    Map<String, String> before = versions();
    List<String> logged = writes();
    assertThat(room.installation().surroundings().auditLog().isEmpty() || !logged.isEmpty())
        .as("the audit log has what the operator wrote before")
        .isTrue();
    room.installation().restartOperator();
    Awaitility.await()
        .during(AT_REST)
        .atMost(AT_REST.multipliedBy(2))
        .untilAsserted(() -> assertThat(versions()).isEqualTo(before));
    assertThat(writes()).isEqualTo(logged);
  }

  /** Requests of the operator that the API server logged: also those that changed nothing. */
  private static List<String> writes() throws IOException {
    Optional<Path> log = room.installation().surroundings().auditLog();
    if (log.isEmpty()) {
      return List.of();
    }
    try (Stream<String> lines = Files.lines(log.get())) {
      return lines
          .filter(line -> line.contains("system:serviceaccount:" + Installation.NAMESPACE))
          .filter(line -> line.contains("\"namespace\":\"" + room.namespace() + "\""))
          .toList();
    }
  }

  /** When the operator wrote each object last; what others write, such as a status, is theirs. */
  private static Map<String, String> versions() {
    Map<String, String> versions = new TreeMap<>();
    Map<String, HasMetadata> objects = new TreeMap<>(room.objectsOf(manifest.name()));
    objects.put("BatchSchedule/" + manifest.name(), room.batch(manifest.name()));
    objects.forEach(
        (name, object) ->
            versions.put(
                name,
                object.getMetadata().getManagedFields().stream()
                    .filter(entry -> entry.getManager().startsWith("koyomi"))
                    .map(entry -> entry.getSubresource() + " " + entry.getTime())
                    .sorted()
                    .collect(Collectors.joining(", "))));
    return versions;
  }

  /** Whose the object is only the operator on the cluster knows. */
  private static JsonNode withoutInstallation(HasMetadata object) {
    JsonNode tree = JSON.valueToTree(object);
    for (JsonNode variables : tree.findValues("env")) {
      Iterator<JsonNode> each = variables.elements();
      while (each.hasNext()) {
        if (each.next().path("name").asText().equals("KOYOMI_INSTALLATION")) {
          each.remove();
        }
      }
    }
    return tree;
  }

  /** The server adds defaults; what was rendered must be there word for word. */
  private static void assertContains(JsonNode found, JsonNode wanted, String path) {
    if (wanted.isObject()) {
      wanted
          .properties()
          .forEach(
              field ->
                  assertContains(
                      found.path(field.getKey()), field.getValue(), path + "." + field.getKey()));
    } else if (wanted.isArray()) {
      assertThat(found.size()).as(path).isEqualTo(wanted.size());
      for (int i = 0; i < wanted.size(); i++) {
        assertContains(found.path(i), wanted.path(i), path + "[" + i + "]");
      }
    } else {
      assertThat(found.asText()).as(path).isEqualTo(wanted.asText());
    }
  }
}
