package dev.koyomi.operator;

import dev.koyomi.operator.settings.OperatorSettings;
import dev.koyomi.operator.settings.SettingsProblem;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.List;

/** What an operator is called to the queues that it tends, where its settings do not say. */
final class Installations {
  /** Enough to tell clusters apart, and short enough to be read. */
  private static final int UID = 8;

  private Installations() {}

  /**
   * The settings with a name: namespace and release, and of the namespace's uid what tells this
   * cluster from another with the same names. Without leader election there is no release:
   * nobody's.
   */
  static OperatorSettings named(OperatorSettings settings, KubernetesClient client)
      throws SettingsProblem {
    if (settings.installation().isPresent() || settings.election().isEmpty()) {
      return settings;
    }
    OperatorSettings.Election election = settings.election().get();
    String uid = uidOf(election.namespace(), client);
    return settings.of(
        "%s/%s/%s".formatted(election.namespace(), election.lease(), uid.substring(0, UID)));
  }

  private static String uidOf(String namespace, KubernetesClient client) throws SettingsProblem {
    try {
      Namespace found = client.namespaces().withName(namespace).get();
      if (found != null) {
        return found.getMetadata().getUid();
      }
      throw new SettingsProblem(
          List.of(
              "KOYOMI_OPERATOR_NAMESPACE is \"%s\", and there is no such namespace."
                  .formatted(namespace)));
    } catch (KubernetesClientException e) {
      throw new SettingsProblem(
          List.of(
              "Which installation this is cannot be said, as the namespace %s cannot be read: %s. Set the chart's value installation, or let the operator read its namespace."
                  .formatted(
                      namespace,
                      e.getStatus() == null ? e.getMessage() : e.getStatus().getMessage())));
    }
  }
}
