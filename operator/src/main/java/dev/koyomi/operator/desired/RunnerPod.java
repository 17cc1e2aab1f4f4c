package dev.koyomi.operator.desired;

import io.fabric8.kubernetes.api.model.CapabilitiesBuilder;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.EmptyDirVolumeSource;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import java.util.ArrayList;
import java.util.List;

/**
 * The pod that triggers, workers and migrations have in common: fits the restricted Pod Security
 * Standard, no API token.
 */
final class RunnerPod {
  static final String CONTAINER = "runner";
  static final String DEFINITION_FILE = "/etc/koyomi/" + DefinitionConfigMap.KEY;

  private static final long USER = 65532;

  private RunnerPod() {}

  /** With the definition mounted. */
  static PodSpec ofBatch(Blueprint blueprint, List<String> arguments, List<EnvVar> environment) {
    Container container =
        container(blueprint, blueprint.image(), arguments, environment)
            .addToVolumeMounts(
                new VolumeMountBuilder()
                    .withName("definition")
                    .withMountPath("/etc/koyomi")
                    .withReadOnly(true)
                    .build())
            .build();
    Volume definition =
        new VolumeBuilder()
            .withName("definition")
            .withNewConfigMap()
            .withName(DefinitionConfigMap.name(blueprint))
            .endConfigMap()
            .build();
    return pod(blueprint, container, List.of(definition));
  }

  /** With the database and nothing else. */
  static PodSpec ofRelease(Blueprint blueprint, List<String> arguments, List<EnvVar> environment) {
    return pod(
        blueprint,
        container(blueprint, blueprint.runnerImage(), arguments, environment).build(),
        List.of());
  }

  private static PodSpec pod(Blueprint blueprint, Container container, List<Volume> volumes) {
    List<Volume> all = new ArrayList<>(volumes);
    all.add(new VolumeBuilder().withName("tmp").withEmptyDir(new EmptyDirVolumeSource()).build());
    return new PodSpecBuilder()
        .withServiceAccountName(RunnerServiceAccount.name(blueprint))
        .withAutomountServiceAccountToken(false)
        .withEnableServiceLinks(false)
        .withNewSecurityContext()
        .withRunAsNonRoot(true)
        .withRunAsUser(USER)
        .withRunAsGroup(USER)
        .withNewSeccompProfile()
        .withType("RuntimeDefault")
        .endSeccompProfile()
        .endSecurityContext()
        .withContainers(container)
        .withVolumes(all)
        .build();
  }

  private static ContainerBuilder container(
      Blueprint blueprint, String image, List<String> arguments, List<EnvVar> environment) {
    VolumeMount tmp = new VolumeMountBuilder().withName("tmp").withMountPath("/tmp").build();
    return new ContainerBuilder()
        .withName(CONTAINER)
        .withImage(image)
        .withArgs(arguments)
        .withEnv(environment)
        .withVolumeMounts(tmp)
        .withResources(RunnerResources.of(blueprint.plan().resources()))
        .withNewSecurityContext()
        .withAllowPrivilegeEscalation(false)
        .withReadOnlyRootFilesystem(true)
        .withCapabilities(new CapabilitiesBuilder().withDrop("ALL").build())
        .endSecurityContext();
  }
}
