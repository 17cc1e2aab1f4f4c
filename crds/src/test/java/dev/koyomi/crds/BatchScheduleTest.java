package dev.koyomi.crds;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import io.fabric8.kubernetes.api.model.DefaultKubernetesResourceList;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchScheduleTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private final KubernetesSerialization kubernetes =
      new KubernetesSerialization(new ObjectMapper(), true);

  static final class Schedules extends DefaultKubernetesResourceList<BatchSchedule> {
    private static final long serialVersionUID = 1;
  }

  @Test
  void oneObjectOfAnotherVersionDoesNotKeepItsNeighboursFromBeingRead() {
    String list =
        """
        {"apiVersion": "koyomi.dev/v1alpha1", "kind": "BatchScheduleList", "metadata": {}, "items": [
          {"apiVersion": "koyomi.dev/v1alpha1", "kind": "BatchSchedule", "metadata": {"name": "newer"},
           "spec": {"overlap": {"policy": "Dance"}, "workers": 3, "lanes": [1]},
           "status": {"conditions": "none", "phase": {"a": 1}}},
          {"apiVersion": "koyomi.dev/v1alpha1", "kind": "BatchSchedule", "metadata": {"name": "odd"},
           "spec": "all of it"},
          {"apiVersion": "koyomi.dev/v1alpha1", "kind": "BatchSchedule", "metadata": {"name": "bare"}},
          {"apiVersion": "koyomi.dev/v1alpha1", "kind": "BatchSchedule",
           "metadata": {"name": "good", "namespace": "billing", "generation": 4},
           "spec": {"trigger": {"sql": "SELECT 1 AS key"}, "unit": {"sql": "SELECT 1"}}}]}
        """;
    List<BatchSchedule> read = kubernetes.unmarshal(list, Schedules.class).getItems();
    assertThat(read)
        .extracting(schedule -> schedule.getMetadata().getName())
        .containsExactly("newer", "odd", "bare", "good");
    assertThat(read.stream().limit(3).map(BatchScheduleTest::plan))
        .allMatch(Planned.Invalid.class::isInstance);
    assertThat(plan(read.get(3)))
        .isInstanceOfSatisfying(
            Planned.Valid.class, valid -> assertThat(valid.plan().generation()).isEqualTo(4));
  }

  @Test
  void whatThisReleaseDoesNotKnowSurvivesACopy() {
    String object =
        """
        {"apiVersion": "koyomi.dev/v1alpha1", "kind": "BatchSchedule", "metadata": {"name": "newer"},
         "spec": {"lanes": [1, null], "workers": {"max": 1.5}}, "status": {"phase": "Dancing"}}
        """;
    BatchSchedule read = kubernetes.unmarshal(object, BatchSchedule.class);
    BatchSchedule copy = kubernetes.clone(read);
    assertThat(MAPPER.<JsonNode>valueToTree(copy)).isEqualTo(MAPPER.valueToTree(read));
    assertThat(copy.getSpec().at("/lanes/0").asInt()).isEqualTo(1);
    assertThat(copy.getStatus().path("phase").asText()).isEqualTo("Dancing");
  }

  private static Planned plan(BatchSchedule schedule) {
    return Planner.plan(MAPPER.valueToTree(schedule));
  }
}
