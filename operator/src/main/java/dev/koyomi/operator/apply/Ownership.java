package dev.koyomi.operator.apply;

import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.desired.Labels;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReference;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which batch an object belongs to: by its label, or by its owner where the label was taken off.
 */
final class Ownership {
  private Ownership() {}

  static Optional<String> scheduleOf(HasMetadata object) {
    return Optional.ofNullable(object.getMetadata().getLabels())
        .flatMap(labels -> Optional.ofNullable(labels.get(Labels.SCHEDULE)));
  }

  static BatchName batchOf(HasMetadata desired) {
    return new BatchName(
        desired.getMetadata().getNamespace(),
        Objects.requireNonNull(desired.getMetadata().getLabels().get(Labels.SCHEDULE)));
  }

  static boolean shareOwner(HasMetadata one, HasMetadata other) {
    Set<String> owners = owners(one);
    return owners(other).stream().anyMatch(owners::contains);
  }

  private static Set<String> owners(HasMetadata object) {
    return object.getMetadata().getOwnerReferences().stream()
        .filter(owner -> BatchSchedule.KIND.equals(owner.getKind()))
        .map(OwnerReference::getUid)
        .collect(Collectors.toSet());
  }
}
