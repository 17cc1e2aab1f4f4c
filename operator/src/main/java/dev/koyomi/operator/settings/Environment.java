package dev.koyomi.operator.settings;

import dev.koyomi.crds.Durations;
import dev.koyomi.operator.settings.OperatorSettings.Election;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Reads the settings from environment variables. */
public final class Environment {
  /** Name of the variable with the runner's image, for messages. */
  public static final String RUNNER_IMAGE = "KOYOMI_RUNNER_IMAGE";

  private static final Pattern NAME = Pattern.compile("[a-z0-9]([-a-z0-9.]*[a-z0-9])?");
  private static final Pattern INSTALLATION = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._/:-]{0,199}");
  private static final Duration SHORTEST_POLL = Duration.ofSeconds(1);

  private final Map<String, String> variables;
  private final List<String> problems = new ArrayList<>();

  private Environment(Map<String, String> variables) {
    this.variables = Map.copyOf(variables);
  }

  /** Reads all settings, or reports everything that is wrong with them. */
  public static OperatorSettings read(Map<String, String> variables) throws SettingsProblem {
    var environment = new Environment(variables);
    OperatorSettings settings = environment.settings();
    if (!environment.problems.isEmpty()) {
      throw new SettingsProblem(environment.problems);
    }
    return settings;
  }

  private OperatorSettings settings() {
    return new OperatorSettings(
        required(RUNNER_IMAGE, "the image of triggers and workers"),
        names("KOYOMI_WATCH_NAMESPACES", ""),
        names("KOYOMI_DATABASE_SECRET_NAMES", "koyomi-database"),
        pollInterval(),
        installation(),
        election());
  }

  private Duration pollInterval() {
    String text = text("KOYOMI_POLL_INTERVAL").orElse("5s");
    Optional<Duration> interval =
        Durations.parse(text).filter(found -> found.compareTo(SHORTEST_POLL) >= 0);
    if (interval.isEmpty()) {
      problems.add(
          "KOYOMI_POLL_INTERVAL is \"%s\": write a duration of at least 1s, such as 5s."
              .formatted(text));
    }
    return interval.orElse(SHORTEST_POLL);
  }

  private Optional<String> installation() {
    Optional<String> text = text("KOYOMI_INSTALLATION");
    text.filter(id -> !INSTALLATION.matcher(id).matches())
        .ifPresent(
            id ->
                problems.add(
                    "KOYOMI_INSTALLATION is \"%s\": write up to 200 letters, digits and any of . _ / : -, such as production."
                        .formatted(id)));
    return text;
  }

  private Optional<Election> election() {
    return text("KOYOMI_LEASE_NAME")
        .map(
            lease ->
                new Election(
                    required("KOYOMI_OPERATOR_NAMESPACE", "the namespace of the Lease"),
                    lease,
                    required("KOYOMI_POD", "what this operator is called in the Lease")));
  }

  private Set<String> names(String variable, String otherwise) {
    Set<String> names = new LinkedHashSet<>();
    for (String part : text(variable).orElse(otherwise).split(",", -1)) {
      String name = part.strip();
      if (name.isEmpty()) {
        continue;
      }
      if (!NAME.matcher(name).matches()) {
        problems.add(
            "%s contains \"%s\": write names of Kubernetes objects with commas between them."
                .formatted(variable, name));
      }
      names.add(name);
    }
    return names;
  }

  private String required(String variable, String meaning) {
    return text(variable)
        .orElseGet(
            () -> {
              problems.add("%s is not set: it is %s.".formatted(variable, meaning));
              return "";
            });
  }

  private Optional<String> text(String variable) {
    return Optional.ofNullable(variables.get(variable))
        .map(String::strip)
        .filter(text -> !text.isEmpty());
  }
}
