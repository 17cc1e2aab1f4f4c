package dev.koyomi.operator.desired;

import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;

/** The identity of the runner's pods: without any right, and its token is not mounted. */
final class RunnerServiceAccount {
  private RunnerServiceAccount() {}

  static String name(Blueprint blueprint) {
    return blueprint.batch().name() + "-runner";
  }

  static ServiceAccount of(Blueprint blueprint) {
    return new ServiceAccountBuilder()
        .withMetadata(blueprint.metadata(name(blueprint), Component.ACCOUNT))
        .withAutomountServiceAccountToken(false)
        .build();
  }
}
