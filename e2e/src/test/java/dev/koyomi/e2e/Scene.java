package dev.koyomi.e2e;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a person would look at after a failure, as text. */
record Scene(Room room) {
  private static final int LAST_LINES = 60;

  String describe() {
    String namespace = room.namespace();
    return Stream.of(
            Stream.of("---- namespace " + namespace),
            room
                .client()
                .genericKubernetesResources("koyomi.dev/v1alpha1", "BatchSchedule")
                .inNamespace(namespace)
                .list()
                .getItems()
                .stream()
                .map(batch -> batch.getMetadata().getName() + " " + Condition.status(batch)),
            room.client().v1().events().inNamespace(namespace).list().getItems().stream()
                .map(
                    event ->
                        "%s %s %s: %s"
                            .formatted(
                                event.getLastTimestamp(),
                                event.getInvolvedObject().getName(),
                                event.getReason(),
                                event.getMessage())),
            room.database().runs().stream().map(Object::toString),
            logs(namespace),
            logs(Installation.NAMESPACE))
        .flatMap(lines -> lines)
        .collect(Collectors.joining("\n"));
  }

  private Stream<String> logs(String namespace) {
    return room.client().pods().inNamespace(namespace).list().getItems().stream()
        .flatMap(
            pod ->
                Stream.concat(
                    Stream.of(
                        "---- pod %s: %s"
                            .formatted(pod.getMetadata().getName(), pod.getStatus().getPhase())),
                    lastLines(pod).stream()));
  }

  private List<String> lastLines(Pod pod) {
    try {
      return room.client().pods().resource(pod).tailingLines(LAST_LINES).getLog().lines().toList();
    } catch (KubernetesClientException none) {
      return List.of(String.valueOf(none.getMessage()));
    }
  }
}
