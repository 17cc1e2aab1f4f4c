package dev.koyomi.operator.desired;

import dev.koyomi.crds.Resources;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.ResourceRequirementsBuilder;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Compute resources as the API server stores them. */
final class RunnerResources {
  private RunnerResources() {}

  static @Nullable ResourceRequirements of(@Nullable Resources resources) {
    if (resources == null) {
      return null;
    }
    return new ResourceRequirementsBuilder()
        .withRequests(quantities(resources.requests()))
        .withLimits(quantities(resources.limits()))
        .build();
  }

  private static Map<String, Quantity> quantities(@Nullable Map<String, String> texts) {
    Map<String, Quantity> quantities = new TreeMap<>();
    if (texts != null) {
      texts.forEach((name, text) -> quantities.put(name, new Quantity(CanonicalQuantity.of(text))));
    }
    return quantities;
  }
}
