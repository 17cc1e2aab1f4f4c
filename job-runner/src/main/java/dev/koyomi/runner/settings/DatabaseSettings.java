package dev.koyomi.runner.settings;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Which database is meant. */
public sealed interface DatabaseSettings {
  String URI = "KOYOMI_DATABASE_URI";
  String HOST = "KOYOMI_DATABASE_HOST";
  String PORT = "KOYOMI_DATABASE_PORT";
  String NAME = "KOYOMI_DATABASE_NAME";
  String USERNAME = "KOYOMI_DATABASE_USERNAME";
  String PASSWORD = "KOYOMI_DATABASE_PASSWORD";

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
   * The option wins over {@code KOYOMI_DATABASE_URI}, that over the variables for each part. User
   * and password of the URL win over their variables.
   */
  static DatabaseSettings of(Optional<String> option, Map<String, String> environment) {
    Map<String, String> set =
        environment.entrySet().stream()
            .filter(each -> each.getKey().startsWith("KOYOMI_DATABASE_"))
            .filter(each -> !each.getValue().isBlank())
            .collect(Collectors.toMap(Map.Entry::getKey, each -> each.getValue().strip()));
    if (option.isPresent()) {
      return ofUrl("--database", option.get(), set);
    }
    if (set.containsKey(URI)) {
      return ofUrl(URI + " (key jdbc-uri of the Secret)", set.getOrDefault(URI, ""), set);
    }
    return set.isEmpty() ? new NotGiven() : ofParts(set);
  }

  private static DatabaseSettings ofUrl(String source, String text, Map<String, String> set) {
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
                            .formatted(source, USERNAME, PASSWORD))));
  }

  private static DatabaseSettings ofParts(Map<String, String> set) {
    List<String> problems = new ArrayList<>();
    String host = required(set, HOST, "host", problems);
    String name = required(set, NAME, "dbname", problems);
    String username = required(set, USERNAME, "username", problems);
    String port = set.getOrDefault(PORT, "5432");
    if (!port.matches("[1-9][0-9]{0,4}") || Integer.parseInt(port) > 65535) {
      problems.add(
          "%s (key port of the Secret) is \"%s\": write a number from 1 to 65535."
              .formatted(PORT, port));
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
      Map<String, String> set, String variable, String key, List<String> problems) {
    String value = set.getOrDefault(variable, "");
    if (value.isEmpty()) {
      problems.add(
          "%s (key %s of the Secret) is missing: set it, or %s (key jdbc-uri) with the whole address."
              .formatted(variable, key, URI));
    }
    return value;
  }
}
