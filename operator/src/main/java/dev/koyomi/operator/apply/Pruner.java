package dev.koyomi.operator.apply;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.desired.DesiredObjects;
import dev.koyomi.operator.desired.Labels;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Removes what the manifest no longer asks for. */
public final class Pruner {
  private static final Logger log = LoggerFactory.getLogger(Pruner.class);

  private final KubernetesClient client;
  private final LiveObjects live;

  public Pruner(KubernetesClient client, LiveObjects live) {
    this.client = client;
    this.live = live;
  }

  /** Removes the CronJobs of entries that are gone; their running Jobs go on. */
  public void removeCronJobs(BatchName batch, Collection<String> keep) {
    for (CronJob cronJob : live.of(batch, CronJob.class)) {
      if (!keep.contains(cronJob.getMetadata().getName())) {
        delete(cronJob, DeletionPropagation.ORPHAN);
      }
    }
  }

  /** Removes definitions that no CronJob, worker or Job needs any more. */
  public void removeDefinitions(BatchName batch, DesiredObjects desired) {
    String current = desired.definition().getMetadata().getName();
    List<ConfigMap> old =
        live.of(batch, ConfigMap.class).stream()
            .filter(definition -> !definition.getMetadata().getName().equals(current))
            .toList();
    if (old.isEmpty() || !rolledOut(batch)) {
      return;
    }
    Set<String> used = inUse(batch);
    for (ConfigMap definition : old) {
      if (!used.contains(definition.getMetadata().getName())) {
        delete(definition, DeletionPropagation.BACKGROUND);
      }
    }
  }

  /** Pods of the revision before may still be starting. */
  private boolean rolledOut(BatchName batch) {
    return live.of(batch, Deployment.class).stream()
        .allMatch(
            workers ->
                workers.getStatus() != null
                    && Objects.equals(
                        workers.getStatus().getObservedGeneration(),
                        workers.getMetadata().getGeneration())
                    && Objects.equals(
                        workers.getStatus().getReplicas(),
                        workers.getStatus().getUpdatedReplicas()));
  }

  private Set<String> inUse(BatchName batch) {
    Set<String> used = new HashSet<>();
    live.of(batch, CronJob.class)
        .forEach(
            cronJob ->
                addDefinitions(
                    used, cronJob.getSpec().getJobTemplate().getSpec().getTemplate().getSpec()));
    live.of(batch, Deployment.class)
        .forEach(workers -> addDefinitions(used, workers.getSpec().getTemplate().getSpec()));
    client
        .batch()
        .v1()
        .jobs()
        .inNamespace(batch.namespace())
        .withLabel(Labels.SCHEDULE, batch.name())
        .list()
        .getItems()
        .stream()
        .filter(job -> !ended(job))
        .forEach(job -> addDefinitions(used, job.getSpec().getTemplate().getSpec()));
    return used;
  }

  private static boolean ended(Job job) {
    return job.getStatus() != null
        && job.getStatus().getConditions().stream()
            .anyMatch(
                condition ->
                    "True".equals(condition.getStatus())
                        && (condition.getType().equals("Complete")
                            || condition.getType().equals("Failed")));
  }

  private static void addDefinitions(Set<String> used, PodSpec pod) {
    pod.getVolumes().stream()
        .filter(volume -> volume.getConfigMap() != null)
        .forEach(volume -> used.add(volume.getConfigMap().getName()));
  }

  private void delete(HasMetadata object, DeletionPropagation propagation) {
    if (object.getMetadata().getDeletionTimestamp() != null) {
      return;
    }
    client.resource(object).withPropagationPolicy(propagation).delete();
    log.info(
        "Removed {} {}/{}",
        object.getKind(),
        object.getMetadata().getNamespace(),
        object.getMetadata().getName());
  }
}
