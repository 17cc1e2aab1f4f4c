package dev.koyomi.operator.desired;

import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.crds.plan.Definition;
import dev.koyomi.crds.plan.Plan;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import java.util.Map;
import java.util.Optional;

/**
 * What all objects of a batch are made from.
 *
 * @param runnerImage image where the plan names none
 * @param installation whose queue the runner must find
 * @param ownerUid uid of the BatchSchedule; empty when it is a file
 */
public record Blueprint(
    Plan plan,
    Definition definition,
    String runnerImage,
    Optional<String> installation,
    Optional<String> ownerUid) {

  BatchName batch() {
    return plan.batch();
  }

  String image() {
    String own = plan.image();
    return own == null ? runnerImage : own;
  }

  Map<String, String> labels(Component component) {
    return Labels.of(batch(), component);
  }

  ObjectMeta metadata(String name, Component component) {
    ObjectMetaBuilder metadata =
        new ObjectMetaBuilder()
            .withName(name)
            .withNamespace(batch().namespace())
            .withLabels(labels(component));
    ownerUid.ifPresent(
        uid ->
            metadata.withOwnerReferences(
                new OwnerReferenceBuilder()
                    .withApiVersion(BatchSchedule.API_VERSION)
                    .withKind(BatchSchedule.KIND)
                    .withName(batch().name())
                    .withUid(uid)
                    .withController(true)
                    .build()));
    return metadata.build();
  }
}
