package dev.koyomi.runner.settings;

/**
 * Where the database is and who asks.
 *
 * @param jdbcUrl JDBC URL without a password
 * @param username user; empty when the URL or the server decides
 * @param password password; empty when none is needed
 */
public record DatabaseAddress(String jdbcUrl, String username, String password) {

  /** Without the password: this text gets into logs. */
  @Override
  public String toString() {
    return username.isEmpty() ? jdbcUrl : jdbcUrl + " as " + username;
  }
}
