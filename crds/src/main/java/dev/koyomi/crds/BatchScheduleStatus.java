package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the operator has seen; times are RFC 3339 in UTC. */
@JsonClassDescription("What the operator has seen.")
public record BatchScheduleStatus(
    @JsonPropertyDescription("Generation of the spec that this status speaks of.")
        @Nullable Long observedGeneration,
    @JsonPropertyDescription(
            "Ready, Reconciling, Stalled and QueueReachable, each with a reason and a sentence.")
        @Nullable List<Condition> conditions,
    @JsonPropertyDescription(
            "Next time that an entry fires; absent when suspended or without entries.")
        @Nullable String nextScheduleTime,
    @JsonPropertyDescription("Names of the CronJobs, one for each entry.")
        @Nullable List<String> cronJobs,
    @Nullable LastRun lastRun,
    @Nullable Queue queue) {

  /** One aspect of the batch's state. */
  @JsonClassDescription("One aspect of the batch's state.")
  public record Condition(
      @JsonPropertyDescription("Ready, Reconciling, Stalled or QueueReachable.") @Required
          String type,
      @JsonPropertyDescription("True, False or Unknown.") @Required String status,
      @JsonPropertyDescription("One word for programs.") @Required String reason,
      @JsonPropertyDescription("One sentence for people.") @Required String message,
      @JsonPropertyDescription("When `status` changed last.") @Required String lastTransitionTime,
      @JsonPropertyDescription("Generation of the spec that this condition speaks of.")
          @Nullable Long observedGeneration) {}

  @JsonClassDescription("The newest run of the batch.")
  public record LastRun(
      @JsonPropertyDescription("The instant that it was fired for.") @Nullable String occurrence,
      @JsonPropertyDescription("The occurrence's date in spec.timeZone.")
          @Nullable String logicalDate,
      @JsonPropertyDescription(
              "Selecting, Running, Succeeded, PartiallyFailed, Failed, Cancelled or Skipped.")
          @Nullable String state,
      @JsonPropertyDescription("Why, where the state alone does not say it.")
          @Nullable String reason,
      @JsonPropertyDescription("Targets selected.") @Nullable Long selected,
      @JsonPropertyDescription("Targets done.") @Nullable Long succeeded,
      @JsonPropertyDescription("Targets with nothing to do.") @Nullable Long skipped,
      @JsonPropertyDescription("Targets that need attention.") @Nullable Long dead) {}

  @JsonClassDescription("Jobs of the batch in the queue, from all of its runs.")
  public record Queue(
      @JsonPropertyDescription("Jobs that wait for a worker or for their next attempt.")
          @Nullable Long waiting,
      @JsonPropertyDescription("Jobs in the hands of a worker.") @Nullable Long running,
      @JsonPropertyDescription("Of the waiting ones, those that failed before.")
          @Nullable Long retrying,
      @JsonPropertyDescription("Jobs that need attention, of all runs.") @Nullable Long dead) {}
}
