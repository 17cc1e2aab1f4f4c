package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** An object that a newer version wrote is in the cluster. */
@ExtendWith(OnCluster.class)
@Isolated("changes the definition")
final class PoisonTest {
  private static final String CRD = "batchschedules.koyomi.dev";

  @Test
  void isStalledWhileItsNeighboursWork(Room room) throws IOException {
    Manifest poison =
        room.billing().named("from-the-future").with("spec: {overlap: {policy: Someday}}");
    allow(room, policies -> policies.add("Someday"));
    try {
      Room.eventually().ignoreExceptions().until(() -> applied(room, poison));
    } finally {
      allow(room, policies -> policies.remove(policies.size() - 1));
    }
    Billing neighbour = Billing.unguarded(room).applied();
    room.installation().restartOperator();

    Room.eventually()
        .untilAsserted(
            () ->
                assertThat(Condition.of(room.batch("from-the-future"), "Stalled"))
                    .satisfies(Condition::assertTrue)
                    .extracting(Condition::message)
                    .asString()
                    .contains("spec.overlap.policy")
                    .contains("Someday"));
    room.awaitSucceeded(room.fire(neighbour.manifest().cronJob(), Billing.thisMinute()));
    neighbour.awaitEnd();
    neighbour.assertTotals();
  }

  private static boolean applied(Room room, Manifest manifest) {
    room.apply(manifest);
    return true;
  }

  /** Changes what the API server takes as a policy of overlap. */
  private static void allow(Room room, Consumer<ArrayNode> change) {
    JsonNode definition =
        new ObjectMapper()
            .valueToTree(
                room.client()
                    .apiextensions()
                    .v1()
                    .customResourceDefinitions()
                    .withName(CRD)
                    .require());
    ((ObjectNode) definition).remove("status");
    ((ObjectNode) definition.path("metadata"))
        .remove(
            List.of("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"));
    change.accept(
        (ArrayNode)
            definition.at(
                "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/overlap/properties/policy/enum"));
    // In Helm's name: under another one, its next upgrade would find a conflict.
    room.client()
        .resource(definition.toString())
        .fieldManager("helm")
        .forceConflicts()
        .serverSideApply();
  }
}
