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
 * @param installation whose queues this operator tends; empty: it has no name of its own yet
 * @param election how one of several operators is chosen; empty: this one is alone
 */
public record OperatorSettings(
    String runnerImage,
    Set<String> namespaces,
    Set<String> secretNames,
    Duration pollInterval,
    Optional<String> installation,
    Optional<Election> election) {
  public OperatorSettings {
    namespaces = Set.copyOf(namespaces);
    secretNames = Set.copyOf(secretNames);
  }

  /** The same under the name of an installation. */
  public OperatorSettings of(String newInstallation) {
    return new OperatorSettings(
        runnerImage, namespaces, secretNames, pollInterval, Optional.of(newInstallation), election);
  }

  /**
   * The Lease that operators of one installation compete for.
   *
   * @param identity name of this one, its Pod's
   */
  public record Election(String namespace, String lease, String identity) {}
}
