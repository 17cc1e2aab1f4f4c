package dev.koyomi.operator.status;

import dev.koyomi.crds.BatchScheduleStatus.Condition;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;

/**
 * The four conditions. Ready, Reconciling and Stalled mean what kstatus, Flux and Argo CD read in
 * them.
 */
final class Conditions {
  private final Findings findings;
  private final Map<String, Condition> stored;
  private final Instant now;

  private Conditions(Findings findings, Map<String, Condition> stored, Instant now) {
    this.findings = findings;
    this.stored = stored;
    this.now = now;
  }

  /**
   * The conditions.
   *
   * @param stored those of the status so far by their type
   */
  static List<Condition> of(Findings findings, Map<String, Condition> stored, Instant now) {
    var conditions = new Conditions(findings, stored, now);
    return List.of(
        conditions.ready(), conditions.reconciling(), conditions.stalled(), conditions.queue());
  }

  private Condition ready() {
    return switch (findings.stage()) {
      case Stage.Stalled(String reason, String message) ->
          condition("Ready", "False", reason, message);
      case Stage.Waiting(String reason, String message) ->
          condition("Ready", "False", reason, message);
      case Stage.Applied(Rollout rollout, boolean suspended) -> applied(rollout, suspended);
    };
  }

  private Condition applied(Rollout rollout, boolean suspended) {
    if (findings.queue() instanceof Reachability.Unreachable(String reason, String message)) {
      return condition("Ready", "False", reason, message);
    }
    if (rollout.available() == 0) {
      return condition("Ready", "False", "NoWorker", rollout.sentence());
    }
    if (suspended) {
      return condition(
          "Ready",
          "True",
          "Suspended",
          "No new runs while spec.suspend is true; what runs goes on.");
    }
    return condition(
        "Ready", "True", "Scheduled", "The CronJobs and workers are as the manifest says.");
  }

  private Condition reconciling() {
    return switch (findings.stage()) {
      case Stage.Stalled _ ->
          condition("Reconciling", "False", "Stalled", "A person must change something first.");
      case Stage.Waiting(String reason, String message) ->
          condition("Reconciling", "True", reason, message);
      case Stage.Applied(Rollout rollout, boolean _) ->
          rollout.complete()
              ? condition("Reconciling", "False", "Done", "There is nothing left to do.")
              : condition("Reconciling", "True", "WorkersStarting", rollout.sentence());
    };
  }

  private Condition stalled() {
    return switch (findings.stage()) {
      case Stage.Stalled(String reason, String message) ->
          condition("Stalled", "True", reason, message);
      case Stage.Waiting _, Stage.Applied _ ->
          condition("Stalled", "False", "NotStalled", "Nothing waits for a person.");
    };
  }

  private Condition queue() {
    return switch (findings.queue()) {
      case Reachability.Reachable() ->
          condition("QueueReachable", "True", "Reachable", "The queue answers.");
      case Reachability.Unreachable(String reason, String message) ->
          condition("QueueReachable", "False", reason, message);
      case Reachability.Unknown(String message) ->
          condition("QueueReachable", "Unknown", "NotTried", message);
    };
  }

  private Condition condition(String type, String status, String reason, String message) {
    Condition before = stored.get(type);
    String since =
        before != null && before.status().equals(status)
            ? before.lastTransitionTime()
            : now.truncatedTo(ChronoUnit.SECONDS).toString();
    return new Condition(type, status, reason, message, since, findings.generation());
  }
}
