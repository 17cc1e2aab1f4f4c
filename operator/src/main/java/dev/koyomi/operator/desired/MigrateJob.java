package dev.koyomi.operator.desired;

import dev.koyomi.crds.SchemaVersion;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import java.time.Duration;
import java.util.List;

/**
 * Brings the queue's schema up to what this release needs. It runs the release's own image: the
 * manifest's may carry an older runner.
 */
public final class MigrateJob {
  private static final int ATTEMPTS = 3;

  /** A failed Job can be looked at for this long; then it goes, and the operator starts another. */
  private static final Duration KEEP = Duration.ofMinutes(10);

  private MigrateJob() {}

  /** Name of the Job. */
  public static String name(Blueprint blueprint) {
    return blueprint.batch().name() + "-migrate-" + SchemaVersion.CURRENT;
  }

  /** The Job. */
  public static Job of(Blueprint blueprint) {
    var pod =
        RunnerPod.ofRelease(blueprint, List.of("migrate"), RunnerEnvironment.ofDatabase(blueprint));
    return new JobBuilder()
        .withMetadata(blueprint.metadata(name(blueprint), Component.MIGRATE))
        .withSpec(RunnerJob.of(pod, blueprint.labels(Component.MIGRATE), ATTEMPTS, KEEP))
        .build();
  }
}
