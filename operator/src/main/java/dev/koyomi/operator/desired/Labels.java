package dev.koyomi.operator.desired;

import dev.koyomi.crds.plan.BatchName;
import java.util.Map;
import java.util.TreeMap;

/** Labels by which the operator knows its objects again; it copies none of the manifest's. */
public final class Labels {
  /** Name of the BatchSchedule. */
  public static final String SCHEDULE = "koyomi.dev/schedule";

  /** What the object is there for. */
  public static final String COMPONENT = "koyomi.dev/component";

  private Labels() {}

  static Map<String, String> of(BatchName batch, Component component) {
    Map<String, String> labels = selector(batch, component);
    labels.put("app.kubernetes.io/managed-by", "koyomi");
    return labels;
  }

  /**
   * Those that tell the batch's pods from all others; sorted, so that what is printed is stable.
   */
  static Map<String, String> selector(BatchName batch, Component component) {
    Map<String, String> labels = new TreeMap<>();
    labels.put(SCHEDULE, batch.name());
    labels.put(COMPONENT, component.label());
    return labels;
  }
}
