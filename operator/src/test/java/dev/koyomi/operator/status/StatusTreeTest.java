package dev.koyomi.operator.status;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.koyomi.crds.BatchScheduleStatus.LastRun;
import dev.koyomi.crds.BatchScheduleStatus.Queue;
import dev.koyomi.operator.testing.Room;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class StatusTreeTest {
  private static final Instant NOON = Instant.parse("2026-11-01T12:00:00Z");
  private static final Instant LATER = Instant.parse("2026-11-01T13:00:00Z");
  private static final Stage WORKING = new Stage.Applied(new Rollout(2, 2, true), false);
  private static final Reachability REACHABLE = new Reachability.Reachable();

  @Test
  void isEqualWhenNothingChangedSoThatNothingIsWritten() {
    JsonNode first = StatusTree.of(findings(1, WORKING, REACHABLE), null, NOON);
    assertThat(StatusTree.of(findings(1, WORKING, REACHABLE), first, LATER)).isEqualTo(first);
  }

  @Test
  void keepsTheTimeOfAConditionWhoseStatusStays() {
    JsonNode first = StatusTree.of(findings(1, WORKING, REACHABLE), null, NOON);
    Stage suspended = new Stage.Applied(new Rollout(2, 2, true), true);
    JsonNode second = StatusTree.of(findings(2, suspended, REACHABLE), first, LATER);
    assertThat(Room.condition(second, "Ready").path("reason").asText()).isEqualTo("Suspended");
    assertThat(Room.condition(second, "Ready").path("lastTransitionTime").asText())
        .isEqualTo("2026-11-01T12:00:00Z");
    JsonNode third =
        StatusTree.of(findings(3, new Stage.Stalled("InvalidSpec", "x"), REACHABLE), second, LATER);
    assertThat(Room.condition(third, "Ready").path("lastTransitionTime").asText())
        .isEqualTo("2026-11-01T13:00:00Z");
    assertThat(Room.condition(third, "QueueReachable").path("lastTransitionTime").asText())
        .isEqualTo("2026-11-01T12:00:00Z");
  }

  @Test
  void isNotReadyWithoutAWorkerAndReconcilesUntilAllAreThere() {
    JsonNode none =
        StatusTree.of(
            findings(1, new Stage.Applied(new Rollout(0, 2, false), false), REACHABLE), null, NOON);
    assertThat(states(none))
        .containsExactly("Ready=False", "Reconciling=True", "Stalled=False", "QueueReachable=True");
    JsonNode one =
        StatusTree.of(
            findings(1, new Stage.Applied(new Rollout(1, 2, false), false), REACHABLE), null, NOON);
    assertThat(states(one))
        .containsExactly("Ready=True", "Reconciling=True", "Stalled=False", "QueueReachable=True");
    assertThat(Room.condition(one, "Reconciling").path("message").asText())
        .isEqualTo("1 of 2 workers are ready with the present definition.");
  }

  @Test
  void isNotReadyWhileTheDatabaseIsAway() {
    JsonNode away =
        StatusTree.of(
            findings(
                1,
                WORKING,
                new Reachability.Unreachable("DatabaseUnreachable", "It does not answer.")),
            null,
            NOON);
    assertThat(states(away))
        .containsExactly(
            "Ready=False", "Reconciling=False", "Stalled=False", "QueueReachable=False");
  }

  @Test
  void keepsTheLastRunWhenTheQueueWasNotLookedAt() {
    LastRun run =
        new LastRun("2026-10-31T16:00:00Z", "2026-11-01", "Succeeded", null, 10L, 10L, 0L, 0L);
    Findings looked =
        new Findings(
            1,
            WORKING,
            REACHABLE,
            Optional.empty(),
            List.of(),
            Optional.of(
                new Observed(Optional.of(new Observed.Run(1, 1, run)), new Queue(0L, 0L, 0L, 0L))));
    JsonNode first = StatusTree.of(looked, null, NOON);
    JsonNode second =
        StatusTree.of(
            findings(2, new Stage.Stalled("InvalidSpec", "x"), new Reachability.Unknown("y")),
            first,
            NOON);
    assertThat(second.path("lastRun")).isEqualTo(first.path("lastRun"));
    assertThat(second.path("queue").path("waiting").asLong(-1)).isZero();
  }

  @Test
  void replacesWhatAnotherVersionWroteAndCannotBeRead() {
    ObjectNode odd = new ObjectMapper().createObjectNode();
    odd.put("conditions", "none");
    odd.putObject("lastRun").putObject("selected");
    odd.putArray("queue");
    JsonNode status = StatusTree.of(findings(1, WORKING, REACHABLE), odd, NOON);
    assertThat(status.path("conditions")).hasSize(4);
    assertThat(status.has("lastRun")).isFalse();
  }

  private static List<String> states(JsonNode status) {
    List<String> states = new java.util.ArrayList<>();
    status
        .path("conditions")
        .forEach(
            condition ->
                states.add(
                    condition.path("type").asText() + "=" + condition.path("status").asText()));
    return states;
  }

  private static Findings findings(long generation, Stage stage, Reachability queue) {
    return new Findings(
        generation,
        stage,
        queue,
        Optional.of(LATER),
        List.of("invoices-nightly"),
        Optional.empty());
  }
}
