package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** An object that a newer version wrote is in the cluster. */
@ExtendWith(OnCluster.class)
final class PoisonTest {
  private static final String CRD = "batchschedules.koyomi.dev";

  @Test
  void isStalledWhileItsNeighboursWork(Room room) throws IOException {
    CustomResourceDefinition ours = definition(room);
    CustomResourceDefinition newer = Serialization.clone(ours);
    newer.getMetadata().setResourceVersion(null);
    overlapPolicy(newer).getEnum().add(Serialization.unmarshal("\"Someday\"", com.fasterxml.jackson.databind.JsonNode.class));
    room.client().resource(newer).update();
    Manifest poison =
        room.billing().named("from-the-future").with("spec: {overlap: {policy: Someday}}");
    try {
      Room.eventually().ignoreExceptions().until(() -> applied(room, poison));
    } finally {
      overlapPolicy(newer).getEnum().removeLast();
      room.client().resource(newer).update();
    }
    Billing neighbour = Billing.unguarded(room);
    room.applyAndAwaitReady(neighbour.manifest());
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
    neighbour.applied();
    room.awaitSucceeded(room.fire(neighbour.manifest().cronJob(), Billing.thisMinute()));
    neighbour.awaitEnd();
    neighbour.assertTotals();
  }

  private static boolean applied(Room room, Manifest manifest) {
    room.apply(manifest);
    return true;
  }

  private static CustomResourceDefinition definition(Room room) {
    return room.client()
        .apiextensions()
        .v1()
        .customResourceDefinitions()
        .withName(CRD)
        .require();
  }

  private static JSONSchemaProps overlapPolicy(CustomResourceDefinition definition) {
    return definition
        .getSpec()
        .getVersions()
        .getFirst()
        .getSchema()
        .getOpenAPIV3Schema()
        .getProperties()
        .get("spec")
        .getProperties()
        .get("overlap")
        .getProperties()
        .get("policy");
  }
}
