package dev.koyomi.operator.desired;

import dev.koyomi.crds.plan.Plan;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.CronJobBuilder;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Fires one entry of the timetable. It is only the clock: overlap, identity and repetition are
 * decided in the database.
 */
final class TriggerCronJob {
  /** A cluster that was down through the night still fires the night's slot. */
  private static final Duration STARTING_DEADLINE = Duration.ofDays(1);

  /**
   * With the Job controller's waits (10 s, doubling, at most 6 min) about half an hour without a
   * database.
   */
  private static final int ATTEMPTS = 10;

  private static final Duration KEEP = Duration.ofDays(1);

  private TriggerCronJob() {}

  static CronJob of(Blueprint blueprint, Plan.Entry entry) {
    Plan plan = blueprint.plan();
    Map<String, String> labels = blueprint.labels(Component.TRIGGER);
    ObjectMeta metadata = blueprint.metadata(entry.cronJob(), Component.TRIGGER);
    // Argo CD would show a failed run as a failed deployment of the application.
    metadata.setAnnotations(Map.of("argocd.argoproj.io/ignore-healthcheck", "true"));
    return new CronJobBuilder()
        .withMetadata(metadata)
        .withNewSpec()
        .withSchedule(entry.cron().text())
        .withTimeZone(plan.timeZone().getId())
        .withSuspend(plan.suspend())
        .withConcurrencyPolicy("Allow")
        .withStartingDeadlineSeconds(STARTING_DEADLINE.toSeconds())
        .withSuccessfulJobsHistoryLimit(1)
        .withFailedJobsHistoryLimit(3)
        .withNewJobTemplate()
        .withMetadata(new ObjectMetaBuilder().withLabels(labels).build())
        .withSpec(RunnerJob.of(pod(blueprint, entry), labels, ATTEMPTS, KEEP))
        .endJobTemplate()
        .endSpec()
        .build();
  }

  private static PodSpec pod(Blueprint blueprint, Plan.Entry entry) {
    return RunnerPod.ofBatch(
        blueprint,
        List.of(
            "trigger", "--definition", RunnerPod.DEFINITION_FILE, "--cron-job", entry.cronJob()),
        RunnerEnvironment.ofTrigger(blueprint));
  }
}
