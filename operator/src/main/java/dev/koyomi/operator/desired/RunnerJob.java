package dev.koyomi.operator.desired;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpecBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobSpec;
import io.fabric8.kubernetes.api.model.batch.v1.JobSpecBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicy;
import io.fabric8.kubernetes.api.model.batch.v1.PodFailurePolicyBuilder;
import java.time.Duration;
import java.util.Map;

/**
 * How a runner's pod that ends is repeated: until it ended well, but not when only a person can
 * mend it.
 */
final class RunnerJob {
  /** The runner's exit code for a wrong definition. */
  private static final int WRONG_DEFINITION = 2;

  private RunnerJob() {}

  static JobSpec of(PodSpec pod, Map<String, String> labels, int attempts, Duration keep) {
    PodTemplateSpec template =
        new PodTemplateSpecBuilder()
            .withMetadata(new ObjectMetaBuilder().withLabels(labels).build())
            .withSpec(pod)
            .build();
    template.getSpec().setRestartPolicy("Never");
    return new JobSpecBuilder()
        .withBackoffLimit(attempts)
        // A second pod only when the first is gone, not while it still ends.
        .withPodReplacementPolicy("Failed")
        .withPodFailurePolicy(failurePolicy())
        .withTtlSecondsAfterFinished(Math.toIntExact(keep.toSeconds()))
        .withTemplate(template)
        .build();
  }

  private static PodFailurePolicy failurePolicy() {
    return new PodFailurePolicyBuilder()
        .addNewRule()
        .withAction("FailJob")
        .withNewOnExitCodes()
        .withContainerName(RunnerPod.CONTAINER)
        .withOperator("In")
        .withValues(WRONG_DEFINITION)
        .endOnExitCodes()
        .endRule()
        .addNewRule()
        .withAction("Ignore")
        .addNewOnPodCondition()
        .withType("DisruptionTarget")
        .withStatus("True")
        .endOnPodCondition()
        .endRule()
        .build();
  }
}
