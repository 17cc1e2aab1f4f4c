package dev.koyomi.operator.desired;

import dev.koyomi.crds.plan.BatchName;
import java.util.Map;

/** Labels by which the operator knows its objects again; it copies none of the manifest's. */
public final class Labels {
  /** Name of the BatchSchedule. */
  public static final String SCHEDULE = "koyomi.dev/schedule";

  /** What the object is there for. */
  public static final String COMPONENT = "koyomi.dev/component";

  private Labels() {}

  static Map<String, String> of(BatchName batch, Component component) {
    return Map.of(
        "app.kubernetes.io/managed-by",
        "koyomi",
        SCHEDULE,
        batch.name(),
        COMPONENT,
        component.label());
  }
}
