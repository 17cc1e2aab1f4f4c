package dev.koyomi.operator.status;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * All that one look at a batch brought to light.
 *
 * @param generation of the spec that was looked at
 * @param nextScheduleTime empty when nothing will fire
 * @param cronJobs names of its CronJobs
 * @param observed empty when the queue was not looked at: what the status says stays
 */
public record Findings(
    long generation,
    Stage stage,
    Reachability queue,
    Optional<Instant> nextScheduleTime,
    List<String> cronJobs,
    Optional<Observed> observed) {
  public Findings {
    cronJobs = List.copyOf(cronJobs);
  }
}
