package dev.koyomi.operator.database;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.database.SecretRead.Unusable;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * The Secrets that the operator may read: each by its name, when it is needed; none is listed,
 * watched or kept.
 */
public final class Secrets {
  private final KubernetesClient client;
  private final Set<String> allowed;

  public Secrets(KubernetesClient client, Set<String> allowed) {
    this.client = client;
    this.allowed = Set.copyOf(allowed);
  }

  /** Reads the Secret of a batch. */
  public SecretRead read(BatchName batch, String name) {
    if (!allowed.contains(name)) {
      return new Unusable(
          "SecretNotAllowed",
          "spec.database.secretName: the operator may not read a Secret called %s, only %s: add it to the chart's value database.secretNames."
              .formatted(name, String.join(", ", new TreeSet<>(allowed))));
    }
    String shown = batch.namespace() + "/" + name;
    try {
      Secret secret = client.secrets().inNamespace(batch.namespace()).withName(name).get();
      if (secret == null) {
        return new Unusable(
            "SecretMissing",
            "spec.database.secretName: Secret %s does not exist: create it with the keys jdbc-uri (or host, port and dbname), username and password."
                .formatted(shown));
      }
      return SecretContent.read(shown, Objects.requireNonNullElse(secret.getData(), Map.of()));
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_FORBIDDEN) {
        throw e;
      }
      return new Unusable(
          "SecretNotAllowed",
          "The operator's role does not let it read Secret %s: add %s to the chart's value database.secretNames."
              .formatted(shown, name));
    }
  }
}
