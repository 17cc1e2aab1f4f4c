package dev.koyomi.runner.settings;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Which database is meant. */
public sealed interface DatabaseSettings {
  /** What a database is there for. */
  enum Purpose {
    /** Holds the queue, and what the Units work on. */
    QUEUE("--database", "KOYOMI_DATABASE_"),
    /** The trigger's query runs in it, where that is another one. */
    TRIGGER("--trigger-database", "KOYOMI_TRIGGER_DATABASE_");

    private final String option;
    private final String prefix;

    Purpose(String option, String prefix) {
      this.option = option;
      this.prefix = prefix;
    }

    /** The option that names it. */
    public String option() {
      return option;
    }

    /** The environment variable for a part of the address, such as {@link #HOST}. */
    public String variable(String part) {
      return prefix + part;
    }
  }

  String URI = "URI";
  String HOST = "HOST";
  String PORT = "PORT";
  String NAME = "NAME";
  String USERNAME = "USERNAME";
  String PASSWORD = "PASSWORD";

  /** The option or the environment names one. */
  record Given(DatabaseAddress address) implements DatabaseSettings {}

  /** Neither says anything. */
  record NotGiven() implements DatabaseSettings {}

  /** What is there leads nowhere: all problems, one sentence each. */
  record Unusable(List<String> problems) implements DatabaseSettings {
    public Unusable {
      problems = List.copyOf(problems);
    }
  }

  /**
   * The option wins over the variable {@code …_URI}, that over the variables for each part. User
   * and password of the URL win over their variables.
   */
  static DatabaseSettings of(
      Purpose purpose, Optional<String> option, Map<String, String> environment) {
    Map<String, String> set =
        environment.entrySet().stream()
            .filter(each -> each.getKey().startsWith(purpose.prefix))
            .filter(each -> !each.getValue().isBlank())
            .collect(
                Collectors.toMap(
                    each -> each.getKey().substring(purpose.prefix.length()),
                    each -> each.getValue().strip()));
    if (option.isPresent()) {
      return ofUrl(purpose, purpose.option, option.get(), set);
    }
    if (set.containsKey(URI)) {
      return ofUrl(
          purpose,
          purpose.variable(URI) + " (key jdbc-uri of the Secret)",
          set.getOrDefault(URI, ""),
          set);
    }
    return set.isEmpty() ? new NotGiven() : ofParts(purpose, set);
  }

  private static DatabaseSettings ofUrl(
      Purpose purpose, String source, String text, Map<String, String> set) {
    return DatabaseUrl.parse(text)
        .<DatabaseSettings>map(
            url ->
                new Given(
                    new DatabaseAddress(
                        url.jdbcUrl(),
                        url.username().orElse(set.getOrDefault(USERNAME, "")),
                        url.password().orElse(set.getOrDefault(PASSWORD, "")))))
        .orElseGet(
            () ->
                new Unusable(
                    List.of(
                        "%s is not a PostgreSQL URL: write jdbc:postgresql://HOST:PORT/NAME, and put user and password into %s and %s."
                            .formatted(
                                source, purpose.variable(USERNAME), purpose.variable(PASSWORD)))));
  }

  private static DatabaseSettings ofParts(Purpose purpose, Map<String, String> set) {
    List<String> problems = new ArrayList<>();
    String host = required(purpose, set, HOST, "host", problems);
    String name = required(purpose, set, NAME, "dbname", problems);
    String username = required(purpose, set, USERNAME, "username", problems);
    String port = set.getOrDefault(PORT, "5432");
    if (!port.matches("[1-9][0-9]{0,4}") || Integer.parseInt(port) > 65535) {
      problems.add(
          "%s (key port of the Secret) is \"%s\": write a number from 1 to 65535."
              .formatted(purpose.variable(PORT), port));
    }
    if (!problems.isEmpty()) {
      return new Unusable(problems);
    }
    String place = host.contains(":") && !host.startsWith("[") ? "[" + host + "]" : host;
    return new Given(
        new DatabaseAddress(
            "jdbc:postgresql://%s:%s/%s".formatted(place, port, name),
            username,
            set.getOrDefault(PASSWORD, "")));
  }

  private static String required(
      Purpose purpose, Map<String, String> set, String part, String key, List<String> problems) {
    String value = set.getOrDefault(part, "");
    if (value.isEmpty()) {
      problems.add(
          "%s (key %s of the Secret) is missing: set it, or %s (key jdbc-uri) with the whole address."
              .formatted(purpose.variable(part), key, purpose.variable(URI)));
    }
    return value;
  }
}
