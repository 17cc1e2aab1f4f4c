package dev.koyomi.operator.reconcile;

import dev.koyomi.operator.apply.Applier;
import dev.koyomi.operator.apply.ForeignObject;
import dev.koyomi.operator.apply.LiveObjects;
import dev.koyomi.operator.desired.Blueprint;
import dev.koyomi.operator.desired.MigrateJob;
import dev.koyomi.operator.status.Stage;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.util.Optional;

/**
 * Has the queue's schema brought up to date by a Job. A Job cannot be changed, so one that is there
 * is left alone.
 */
final class Migration {
  private final LiveObjects live;
  private final Applier applier;

  Migration(LiveObjects live, Applier applier) {
    this.live = live;
    this.applier = applier;
  }

  Stage run(Blueprint blueprint) throws ForeignObject {
    String name = MigrateJob.name(blueprint);
    Optional<Job> job =
        live.of(blueprint.plan().batch(), Job.class).stream()
            .filter(found -> found.getMetadata().getName().equals(name))
            .findFirst();
    if (job.isEmpty()) {
      applier.apply(MigrateJob.of(blueprint));
    }
    if (job.filter(Migration::failed).isPresent()) {
      return new Stage.Stalled(
          "MigrationFailed",
          "The Job %1$s, which brings the queue's schema up to date, failed: kubectl logs job/%1$s says why; it is started again ten minutes after its end, or at once when you delete it."
              .formatted(name));
    }
    return new Stage.Waiting(
        "Migrating", "The Job %s brings the queue's schema up to date.".formatted(name));
  }

  private static boolean failed(Job job) {
    return job.getStatus() != null
        && job.getStatus().getConditions().stream()
            .anyMatch(
                condition ->
                    "Failed".equals(condition.getType()) && "True".equals(condition.getStatus()));
  }
}
