package dev.koyomi.operator.desired;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import java.util.ArrayList;
import java.util.List;

/** The objects of a batch. */
public record DesiredObjects(
    ServiceAccount account, ConfigMap definition, Deployment workers, List<CronJob> triggers) {
  public DesiredObjects {
    triggers = List.copyOf(triggers);
  }

  /** What the plan asks for. */
  public static DesiredObjects of(Blueprint blueprint) {
    return new DesiredObjects(
        RunnerServiceAccount.of(blueprint),
        DefinitionConfigMap.of(blueprint),
        WorkerDeployment.of(blueprint),
        blueprint.plan().entries().stream()
            .map(entry -> TriggerCronJob.of(blueprint, entry))
            .toList());
  }

  /** All of them, each after those that it refers to. */
  public List<HasMetadata> inOrder() {
    List<HasMetadata> all = new ArrayList<>(List.of(account, definition, workers));
    all.addAll(triggers);
    return all;
  }
}
