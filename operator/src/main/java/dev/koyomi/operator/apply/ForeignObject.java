package dev.koyomi.operator.apply;

import io.fabric8.kubernetes.api.model.HasMetadata;

/** An object has the name that a batch needs and belongs to somebody else; it is left alone. */
public final class ForeignObject extends Exception {
  private static final long serialVersionUID = 1;

  ForeignObject(HasMetadata stored) {
    super(
        "%s %s already exists and %s: rename the entry or the BatchSchedule, or delete that object."
            .formatted(
                stored.getKind(),
                stored.getMetadata().getName(),
                Ownership.scheduleOf(stored)
                    .map(schedule -> "belongs to BatchSchedule " + schedule)
                    .orElse("is not Koyomi's")));
  }
}
