package dev.koyomi.operator.status;

import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentStatus;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How many workers work.
 *
 * @param available workers that are ready
 * @param wanted workers that there should be
 * @param complete all of them are, and run what the manifest says now
 */
public record Rollout(int available, int wanted, boolean complete) {

  /** As a Deployment's status tells it. */
  public static Rollout of(Optional<Deployment> workers, int wanted) {
    if (workers.isEmpty() || workers.get().getStatus() == null) {
      return new Rollout(0, wanted, false);
    }
    DeploymentStatus status = workers.get().getStatus();
    Long observed = status.getObservedGeneration();
    Long generation = workers.get().getMetadata().getGeneration();
    boolean current = observed != null && generation != null && observed >= generation;
    int updated = number(status.getUpdatedReplicas());
    int available = number(status.getAvailableReplicas());
    boolean complete =
        current
            && updated >= wanted
            && number(status.getReplicas()) <= updated
            && available >= updated;
    return new Rollout(available, wanted, complete);
  }

  private static int number(@Nullable Integer value) {
    return value == null ? 0 : value;
  }

  String sentence() {
    return "%d of %d %s ready with the present definition."
        .formatted(available, wanted, wanted == 1 ? "worker is" : "workers are");
  }
}
