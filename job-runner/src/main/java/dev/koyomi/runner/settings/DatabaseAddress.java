package dev.koyomi.runner.settings;

/**
 * Where the database is and who asks.
 *
 * @param jdbcUrl JDBC URL without user and password
 * @param username user; empty when the driver decides
 * @param password password; empty when none is needed
 */
public record DatabaseAddress(String jdbcUrl, String username, String password) {

  /** Host and database alone: this text gets into logs, and URL parameters may be secret too. */
  @Override
  public String toString() {
    int parameters = jdbcUrl.indexOf('?');
    String place =
        (parameters < 0 ? jdbcUrl : jdbcUrl.substring(0, parameters))
            .replaceFirst("^jdbc:postgresql:(//)?", "");
    return username.isEmpty() ? place : place + " as " + username;
  }
}
