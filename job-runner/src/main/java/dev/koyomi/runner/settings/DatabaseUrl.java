package dev.koyomi.runner.settings;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A PostgreSQL URL as people and Secrets write it, taken apart.
 *
 * @param jdbcUrl the JDBC URL without user and password
 * @param username the user in it, if any
 * @param password the password in it, if any
 */
record DatabaseUrl(String jdbcUrl, Optional<String> username, Optional<String> password) {
  /**
   * {@code jdbc:postgresql://host:port/name?…}, or {@code postgresql://user:password@host/name}.
   */
  private static final Pattern SHAPE =
      Pattern.compile(
          "(?:jdbc:)?(?:postgresql|postgres)://"
              + "(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?"
              + "(?<place>[^@/?]+/[^@/?]+)(?:\\?(?<parameters>.*))?");

  /** Empty when the text is no such URL. */
  static Optional<DatabaseUrl> parse(String text) {
    Matcher url = SHAPE.matcher(text.strip());
    if (!url.matches()) {
      return Optional.empty();
    }
    Optional<String> username = Optional.ofNullable(url.group("user")).map(DatabaseUrl::decoded);
    Optional<String> password =
        Optional.ofNullable(url.group("password")).map(DatabaseUrl::decoded);
    List<String> others = new ArrayList<>();
    String parameters = url.group("parameters");
    for (String parameter : parameters == null ? new String[0] : parameters.split("&")) {
      String value = decoded(parameter.substring(parameter.indexOf('=') + 1));
      if (parameter.startsWith("user=")) {
        username = Optional.of(value);
      } else if (parameter.startsWith("password=")) {
        password = Optional.of(value);
      } else if (!parameter.isEmpty()) {
        others.add(parameter);
      }
    }
    String tail = others.isEmpty() ? "" : "?" + String.join("&", others);
    return Optional.of(
        new DatabaseUrl("jdbc:postgresql://" + url.group("place") + tail, username, password));
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }
}
