package dev.koyomi.operator.desired;

import dev.koyomi.crds.plan.Plan;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPortBuilder;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.ProbeBuilder;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The pods that run the Units. */
final class WorkerDeployment {
  /** To hand back what was not finished, after the last moment for finishing. */
  private static final Duration GOODBYE = Duration.ofSeconds(5);

  private static final int PROBE_PORT = 8080;

  private WorkerDeployment() {}

  static Deployment of(Blueprint blueprint) {
    Plan.WorkerPool workers = blueprint.plan().workers();
    Map<String, String> labels = blueprint.labels(Component.WORKER);
    return new DeploymentBuilder()
        .withMetadata(blueprint.metadata(blueprint.batch().name() + "-worker", Component.WORKER))
        .withNewSpec()
        .withReplicas(workers.max())
        .withRevisionHistoryLimit(2)
        .withNewSelector()
        .withMatchLabels(Labels.selector(blueprint.batch(), Component.WORKER))
        .endSelector()
        // Old workers finish their Units while new ones start; work never stands still.
        .withNewStrategy()
        .withType("RollingUpdate")
        .withNewRollingUpdate()
        .withMaxUnavailable(new IntOrString(0))
        .withMaxSurge(new IntOrString("25%"))
        .endRollingUpdate()
        .endStrategy()
        .withNewTemplate()
        .withMetadata(new ObjectMetaBuilder().withLabels(labels).build())
        .withSpec(pod(blueprint))
        .endTemplate()
        .endSpec()
        .build();
  }

  private static PodSpec pod(Blueprint blueprint) {
    PodSpec pod =
        RunnerPod.ofBatch(
            blueprint,
            List.of("work", "--definition", RunnerPod.DEFINITION_FILE),
            RunnerEnvironment.ofWorker(blueprint));
    Duration stopping = blueprint.plan().workers().stopWithin().plus(GOODBYE);
    pod.setTerminationGracePeriodSeconds(Math.ceilDiv(stopping.toMillis(), 1000L));
    Container runner = pod.getContainers().getFirst();
    runner.setPorts(
        List.of(
            new ContainerPortBuilder()
                .withName("probes")
                .withContainerPort(PROBE_PORT)
                .withProtocol("TCP")
                .build()));
    // Two minutes for the first start on a busy node; from then on half a minute without a sign of
    // life.
    runner.setStartupProbe(probe("/livez", 2, 60));
    runner.setLivenessProbe(probe("/livez", 10, 3));
    runner.setReadinessProbe(probe("/readyz", 5, 2));
    return pod;
  }

  private static Probe probe(String path, int periodSeconds, int failures) {
    return new ProbeBuilder()
        .withNewHttpGet()
        .withPath(path)
        .withPort(new IntOrString("probes"))
        .endHttpGet()
        .withPeriodSeconds(periodSeconds)
        // The default of a second is too little on a node that starts many pods at once.
        .withTimeoutSeconds(5)
        .withFailureThreshold(failures)
        .build();
  }
}
