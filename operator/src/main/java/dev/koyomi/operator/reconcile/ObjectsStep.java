package dev.koyomi.operator.reconcile;

import dev.koyomi.crds.Database.Migrate;
import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.operator.apply.Applier;
import dev.koyomi.operator.apply.ForeignObject;
import dev.koyomi.operator.apply.LiveObjects;
import dev.koyomi.operator.apply.Pruner;
import dev.koyomi.operator.database.BatchQueue;
import dev.koyomi.operator.database.QueueProblem;
import dev.koyomi.operator.database.QueueState;
import dev.koyomi.operator.database.Registration;
import dev.koyomi.operator.desired.Blueprint;
import dev.koyomi.operator.desired.DesiredObjects;
import dev.koyomi.operator.status.Rollout;
import dev.koyomi.operator.status.Stage;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.Collection;
import java.util.Set;

/** Brings a batch's objects to what the manifest says, as far as its queue lets it. */
final class ObjectsStep {
  /** Answers of the API server that do not change until a person changes something. */
  private static final Set<Integer> REFUSALS = Set.of(400, 403, 422);

  private final LiveObjects live;
  private final Applier applier;
  private final Pruner pruner;
  private final Migration migration;

  ObjectsStep(LiveObjects live, Applier applier, Pruner pruner, Migration migration) {
    this.live = live;
    this.applier = applier;
    this.pruner = pruner;
    this.migration = migration;
  }

  void removeCronJobs(BatchName batch, Collection<String> keep) {
    pruner.removeCronJobs(batch, keep);
  }

  Stage carryOut(Blueprint blueprint, BatchQueue queue) {
    DesiredObjects desired = DesiredObjects.of(blueprint);
    try {
      return switch (queue.state()) {
        case QueueState.Working() -> applyRegistered(blueprint, desired, queue);
        case QueueState.Unreachable(String reason, String message) ->
            hold(blueprint, desired, reason, message);
        case QueueState.Foreign(String message) -> new Stage.Stalled("OtherInstallation", message);
        case QueueState.Behind(int version) -> {
          applier.apply(desired.account());
          yield migrate(blueprint, version);
        }
        case QueueState.Ahead(int version) ->
            new Stage.Stalled(
                "SchemaAhead",
                "The queue's schema has version %d, this operator knows only %d: install the newer release that made it."
                    .formatted(version, SchemaVersion.CURRENT));
      };
    } catch (ForeignObject e) {
      return new Stage.Stalled("NameTaken", String.valueOf(e.getMessage()));
    } catch (KubernetesClientException e) {
      String said = e.getStatus() == null ? e.getMessage() : e.getStatus().getMessage();
      if (REFUSALS.contains(e.getCode())) {
        return new Stage.Stalled(
            "Refused", "The API server refuses an object: %s.".formatted(said));
      }
      if (e.getCode() >= 500) {
        return new Stage.Waiting(
            "ApiServerFails", "The API server fails with an object: %s.".formatted(said));
      }
      throw e;
    }
  }

  private Stage applyRegistered(Blueprint blueprint, DesiredObjects desired, BatchQueue queue)
      throws ForeignObject {
    try {
      // Before any CronJob: the first thing that it fires may be older than the change.
      register(blueprint, queue);
    } catch (QueueProblem e) {
      if (e.refusal()) {
        return new Stage.Stalled(e.reason(), String.valueOf(e.getMessage()));
      }
      return hold(blueprint, desired, e.reason(), String.valueOf(e.getMessage()));
    }
    applyAll(desired);
    pruner.removeDefinitions(blueprint.plan().batch(), desired);
    return applied(blueprint);
  }

  private void register(Blueprint blueprint, BatchQueue queue) throws QueueProblem {
    Plan plan = blueprint.plan();
    Registration registration =
        Registration.of(plan, blueprint.definition(), blueprint.ownerUid().orElseThrow());
    if (!plan.suspend() && live.of(plan.batch(), CronJob.class).stream().anyMatch(this::pauses)) {
      // The queue may have been away for the whole pause, and must hear that this is its end.
      queue.register(registration.paused());
    }
    queue.register(registration);
  }

  private boolean pauses(CronJob cronJob) {
    return Boolean.TRUE.equals(cronJob.getSpec().getSuspend());
  }

  private void applyAll(DesiredObjects desired) throws ForeignObject {
    for (HasMetadata object : desired.inOrder()) {
      applier.apply(object);
    }
  }

  /**
   * Without the queue only what fires nothing is applied: no change at all, or a suspended batch.
   */
  private Stage hold(Blueprint blueprint, DesiredObjects desired, String reason, String message)
      throws ForeignObject {
    if (blueprint.plan().suspend()) {
      applyAll(desired);
    } else if (desired.inOrder().stream().anyMatch(applier::differs)) {
      return new Stage.Waiting(reason, "The manifest is carried out when it answers. " + message);
    }
    return applied(blueprint);
  }

  private Stage applied(Blueprint blueprint) {
    Rollout rollout =
        Rollout.of(
            live.of(blueprint.plan().batch(), Deployment.class).stream().findFirst(),
            blueprint.plan().workers().max());
    return new Stage.Applied(rollout, blueprint.plan().suspend());
  }

  private Stage migrate(Blueprint blueprint, int version) throws ForeignObject {
    return switch (blueprint.plan().database().migrate()) {
      case Migrate.Auto -> migration.run(blueprint);
      case Migrate.Never ->
          new Stage.Stalled(
              "SchemaBehind",
              "%s and spec.database.migrate is Never: run `koyomi migrate` on that database, or write Auto."
                  .formatted(
                      version == 0
                          ? "The database has no queue yet (schema koyomi),"
                          : "The queue's schema has version %d, this release needs %d,"
                              .formatted(version, SchemaVersion.CURRENT)));
    };
  }
}
