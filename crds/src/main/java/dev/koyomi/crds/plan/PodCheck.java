package dev.koyomi.crds.plan;

import dev.koyomi.crds.BatchScheduleSpec;
import dev.koyomi.crds.EnvVariable;
import dev.koyomi.crds.Resources;
import dev.koyomi.crds.Rules;
import dev.koyomi.crds.Trigger;
import java.math.BigDecimal;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Checks what the pods are made of. */
final class PodCheck {
  private final Problems problems;

  PodCheck(Problems problems) {
    this.problems = problems;
  }

  void check(BatchScheduleSpec spec) {
    String image = spec.image();
    if (image != null && !image.matches(Rules.IMAGE_PATTERN)) {
      problems.add("spec.image", Rules.IMAGE);
    }
    String secret = spec.database() == null ? null : spec.database().secretName();
    secret(secret, "spec.database.secretName");
    Trigger.Source source = spec.trigger() == null ? null : spec.trigger().database();
    if (source != null) {
      secret(source.secretName(), "spec.trigger.database.secretName");
    }
    if (spec.resources() != null) {
      resources(spec.resources());
    }
    env(spec.env());
  }

  private void secret(@Nullable String name, String field) {
    if (name != null && !name.matches(Rules.SECRET_NAME_PATTERN)) {
      problems.add(field, Rules.SECRET_NAME);
    }
  }

  private void resources(Resources resources) {
    Map<String, Optional<BigDecimal>> requests = amounts(resources.requests(), "requests");
    Map<String, Optional<BigDecimal>> limits = amounts(resources.limits(), "limits");
    requests.forEach(
        (name, request) -> {
          Optional<BigDecimal> limit = limits.getOrDefault(name, Optional.empty());
          if (request.isPresent()
              && limit.isPresent()
              && request.get().compareTo(limit.get()) > 0) {
            problems.add("spec.resources.requests", Rules.REQUESTS);
          }
        });
  }

  private Map<String, Optional<BigDecimal>> amounts(
      @Nullable Map<String, String> quantities, String field) {
    Map<String, Optional<BigDecimal>> amounts = new HashMap<>();
    if (quantities != null) {
      quantities.forEach((name, quantity) -> amounts.put(name, Quantities.amount(quantity)));
    }
    if (amounts.values().stream().anyMatch(Optional::isEmpty)) {
      problems.add("spec.resources." + field, Rules.QUANTITY);
    }
    return amounts;
  }

  private void env(@Nullable List<EnvVariable> env) {
    Map<String, Integer> places = new HashMap<>();
    for (int i = 0; env != null && i < env.size(); i++) {
      EnvVariable variable = env.get(i);
      String path = "spec.env[" + i + "]";
      if (variable == null) {
        continue;
      }
      if (variable.name() != null) {
        name(variable.name(), path + ".name");
        Integer before = places.putIfAbsent(variable.name(), i);
        if (before != null) {
          problems.add(
              path + ".name", Sentences.taken(variable.name(), "spec.env[" + before + "]"));
        }
      }
      if ((variable.value() == null) == (variable.valueFrom() == null) && !problems.within(path)) {
        problems.add(path, Rules.ENV_VALUE);
      }
      EnvVariable.Source source = variable.valueFrom();
      if (source != null
          && (source.secretKeyRef() == null) == (source.configMapKeyRef() == null)
          && !problems.within(path + ".valueFrom")) {
        problems.add(path + ".valueFrom", Rules.ENV_SOURCE);
      }
    }
  }

  private void name(String name, String field) {
    if (!name.matches(Rules.ENV_NAME_PATTERN)) {
      problems.add(field, Rules.ENV_NAME);
    }
    if (name.startsWith(Rules.ENV_OWN_PREFIX) && !name.equals(Rules.ENV_LOG_LEVEL)) {
      problems.add(field, Rules.ENV_OWN);
    }
  }
}
