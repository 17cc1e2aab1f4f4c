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
  /** A name or an address, with a port where it is not the usual one. */
  private static final String HOST = "(?:\\[[0-9A-Fa-f:.]+\\]|[^@/?,:\\[\\]]+)(?::[0-9]{1,5})?";

  private static final Pattern PORT = Pattern.compile(":([0-9]+)(?=[,/])");

  /**
   * {@code jdbc:postgresql://host:port/name?…}, or {@code postgresql://user:password@host/name}.
   */
  private static final Pattern SHAPE =
      Pattern.compile(
          "(?:jdbc:)?(?:postgresql|postgres)://"
              + "(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?"
              + "(?<place>%1$s(?:,%1$s)*/[^@/?]+)(?:\\?(?<parameters>.*))?".formatted(HOST));

  /** Empty when the text is no such URL. */
  static Optional<DatabaseUrl> parse(String text) {
    Matcher url = SHAPE.matcher(text.strip());
    try {
      return url.matches() && portsExist(url.group("place"))
          ? Optional.of(of(url))
          : Optional.empty();
    } catch (IllegalArgumentException notDecoded) {
      return Optional.empty();
    }
  }

  private static boolean portsExist(String place) {
    return PORT.matcher(place)
        .results()
        .mapToInt(port -> Integer.parseInt(port.group(1)))
        .allMatch(port -> port >= 1 && port <= 65535);
  }

  private static DatabaseUrl of(Matcher url) {
    Optional<String> username = part(url, "user");
    Optional<String> password = part(url, "password");
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
    return new DatabaseUrl("jdbc:postgresql://" + url.group("place") + tail, username, password);
  }

  /** Before the host a plus is a plus, after the question mark a blank. */
  private static Optional<String> part(Matcher url, String name) {
    return Optional.ofNullable(url.group(name)).map(text -> decoded(text.replace("+", "%2B")));
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }
}
