package dev.koyomi.operator.desired;

import dev.koyomi.crds.EnvVariable;
import dev.koyomi.crds.plan.Plan;
import io.fabric8.kubernetes.api.model.ConfigMapKeySelector;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarBuilder;
import io.fabric8.kubernetes.api.model.EnvVarSource;
import io.fabric8.kubernetes.api.model.EnvVarSourceBuilder;
import io.fabric8.kubernetes.api.model.SecretKeySelector;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Environment variables of the runner's pods: the database, who they are, then the user's. */
final class RunnerEnvironment {
  private static final boolean OPTIONAL = true;

  private RunnerEnvironment() {}

  /** Of every pod: the runner says in a sentence which key of the Secret is missing. */
  static List<EnvVar> ofDatabase(Blueprint blueprint) {
    List<EnvVar> environment =
        new ArrayList<>(database("KOYOMI_DATABASE_", blueprint.plan().database().secretName()));
    blueprint
        .installation()
        .ifPresent(id -> environment.add(new EnvVar("KOYOMI_INSTALLATION", id, null)));
    environment.add(fromField("KOYOMI_POD", "metadata.name"));
    environment.add(fromField("KOYOMI_NAMESPACE", "metadata.namespace"));
    return environment;
  }

  private static List<EnvVar> database(String prefix, String secret) {
    return List.of(
        fromSecret(prefix + "URI", secret, "jdbc-uri"),
        fromSecret(prefix + "HOST", secret, "host"),
        fromSecret(prefix + "PORT", secret, "port"),
        fromSecret(prefix + "NAME", secret, "dbname"),
        fromSecret(prefix + "USERNAME", secret, "username"),
        fromSecret(prefix + "PASSWORD", secret, "password"));
  }

  static List<EnvVar> ofWorker(Blueprint blueprint) {
    List<EnvVar> environment = ofDatabase(blueprint);
    blueprint.plan().env().forEach(variable -> environment.add(users(variable)));
    return environment;
  }

  static List<EnvVar> ofTrigger(Blueprint blueprint) {
    Plan plan = blueprint.plan();
    List<EnvVar> environment = ofDatabase(blueprint);
    Plan.Selection trigger = plan.trigger();
    if (trigger != null && trigger.databaseSecret() != null) {
      environment.addAll(database("KOYOMI_TRIGGER_DATABASE_", trigger.databaseSecret()));
    }
    // The scheduled instant is in the Job's name; the annotation with it is on the Job only, out of
    // the pod's reach.
    environment.add(
        fromField("KOYOMI_JOB_NAME", "metadata.labels['batch.kubernetes.io/job-name']"));
    plan.env().forEach(variable -> environment.add(users(variable)));
    return environment;
  }

  private static EnvVar fromSecret(String name, String secret, String key) {
    return new EnvVarBuilder()
        .withName(name)
        .withNewValueFrom()
        .withSecretKeyRef(new SecretKeySelector(key, secret, OPTIONAL))
        .endValueFrom()
        .build();
  }

  private static EnvVar fromField(String name, String path) {
    return new EnvVarBuilder()
        .withName(name)
        .withNewValueFrom()
        .withNewFieldRef("v1", path)
        .endValueFrom()
        .build();
  }

  private static EnvVar users(EnvVariable variable) {
    EnvVarBuilder result = new EnvVarBuilder().withName(variable.name());
    EnvVariable.Source source = variable.valueFrom();
    if (source != null) {
      return result.withValueFrom(source(source)).build();
    }
    String value = variable.value();
    // The API server does not store an empty value; stating one would differ for ever.
    return value == null || value.isEmpty() ? result.build() : result.withValue(value).build();
  }

  private static EnvVarSource source(EnvVariable.Source source) {
    EnvVariable.KeyRef secret = source.secretKeyRef();
    if (secret != null) {
      return new EnvVarSourceBuilder()
          .withSecretKeyRef(
              new SecretKeySelector(secret.key(), secret.name(), whenTrue(secret.optional())))
          .build();
    }
    EnvVariable.KeyRef configMap = Objects.requireNonNull(source.configMapKeyRef());
    return new EnvVarSourceBuilder()
        .withConfigMapKeyRef(
            new ConfigMapKeySelector(
                configMap.key(), configMap.name(), whenTrue(configMap.optional())))
        .build();
  }

  private static @Nullable Boolean whenTrue(@Nullable Boolean value) {
    return Boolean.TRUE.equals(value) ? value : null;
  }
}
