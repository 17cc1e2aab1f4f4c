package dev.koyomi.operator.settings;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * What the operator is told from outside.
 *
 * @param runnerImage image of triggers, workers and migrations where the manifest names none
 * @param namespaces where to look for batches; empty: everywhere
 * @param secretNames names of the Secrets that the operator may read
 * @param pollInterval time between two looks at a queue
 * @param election how one of several operators is chosen; empty: this one is alone
 */
public record OperatorSettings(
    String runnerImage,
    Set<String> namespaces,
    Set<String> secretNames,
    Duration pollInterval,
    Optional<Election> election) {
  public OperatorSettings {
    namespaces = Set.copyOf(namespaces);
    secretNames = Set.copyOf(secretNames);
  }

  /**
   * The Lease that operators of one installation compete for.
   *
   * @param identity name of this one, its Pod's
   */
  public record Election(String namespace, String lease, String identity) {}
}
