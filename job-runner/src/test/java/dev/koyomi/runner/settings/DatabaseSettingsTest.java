package dev.koyomi.runner.settings;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DatabaseSettingsTest {
  private static final Map<String, String> PARTS =
      Map.of(
          "KOYOMI_DATABASE_HOST", "db.billing",
          "KOYOMI_DATABASE_PORT", "6432",
          "KOYOMI_DATABASE_NAME", "app",
          "KOYOMI_DATABASE_USERNAME", "billing",
          "KOYOMI_DATABASE_PASSWORD", "s3cret");

  @Test
  void saysNothingIsGivenWhenNothingIs() {
    assertThat(settings(Map.of("PATH", "/bin", "KOYOMI_DATABASE_HOST", " ")))
        .isEqualTo(new DatabaseSettings.NotGiven());
  }

  @Test
  void putsTheAddressTogetherFromItsParts() {
    assertThat(settings(PARTS))
        .isEqualTo(given("jdbc:postgresql://db.billing:6432/app", "billing", "s3cret"));
  }

  @Test
  void defaultsToPostgresPort() {
    assertThat(settings(without("KOYOMI_DATABASE_PORT")))
        .isEqualTo(given("jdbc:postgresql://db.billing:5432/app", "billing", "s3cret"));
  }

  @Test
  void needsNoPassword() {
    assertThat(settings(without("KOYOMI_DATABASE_PASSWORD")))
        .isEqualTo(given("jdbc:postgresql://db.billing:6432/app", "billing", ""));
  }

  @Test
  void prefersTheUriToTheParts() {
    assertThat(settings(with("KOYOMI_DATABASE_URI", "jdbc:postgresql://primary:5432/other")))
        .isEqualTo(given("jdbc:postgresql://primary:5432/other", "billing", "s3cret"));
  }

  @Test
  void prefersTheOptionToTheEnvironment() {
    assertThat(
            of(
                Optional.of("postgresql://me:mine@laptop/app?sslmode=require"),
                with("KOYOMI_DATABASE_URI", "jdbc:postgresql://primary:5432/other")))
        .isEqualTo(given("jdbc:postgresql://laptop/app?sslmode=require", "me", "mine"));
  }

  @Test
  void takesUserAndPasswordOutOfACloudNativePgUri() {
    assertThat(
            settings(
                Map.of(
                    "KOYOMI_DATABASE_URI",
                    "jdbc:postgresql://app-rw.billing:5432/app?password=a%26b%3D1&user=app")))
        .isEqualTo(given("jdbc:postgresql://app-rw.billing:5432/app", "app", "a&b=1"));
  }

  @Test
  void takesSeveralServersAndAPlusInThePasswordAsItIs() {
    assertThat(of(Optional.of("postgresql://me:a+b%40@one:5432,[::1]:65535,three/app"), Map.of()))
        .isEqualTo(given("jdbc:postgresql://one:5432,[::1]:65535,three/app", "me", "a+b@"));
  }

  @Test
  void reportsAllProblemsAtOnce() {
    assertThat(settings(Map.of("KOYOMI_DATABASE_PORT", "70000", "KOYOMI_DATABASE_NAME", "app")))
        .isEqualTo(
            new DatabaseSettings.Unusable(
                List.of(
                    "KOYOMI_DATABASE_HOST (key host of the Secret) is missing: set it, or"
                        + " KOYOMI_DATABASE_URI (key jdbc-uri) with the whole address.",
                    "KOYOMI_DATABASE_USERNAME (key username of the Secret) is missing: set it, or"
                        + " KOYOMI_DATABASE_URI (key jdbc-uri) with the whole address.",
                    "KOYOMI_DATABASE_PORT (key port of the Secret) is \"70000\": write a number"
                        + " from 1 to 65535.")));
  }

  @ParameterizedTest
  @CsvSource({
    "mysql://host/db",
    "jdbc:postgresql://host",
    "host:5432/db",
    "postgresql://me:p@ss@host/db",
    "postgresql://me:50%off@host/db",
    "postgresql://host:abc/db",
    "postgresql://host:99999/db",
    "postgresql://host:5432,other:0/db"
  })
  void refusesWhatIsNoPostgresUrlWithoutRepeatingIt(String url) {
    assertThat(of(Optional.of(url), Map.of()))
        .isEqualTo(
            new DatabaseSettings.Unusable(
                List.of(
                    "--database is not a PostgreSQL URL: write jdbc:postgresql://HOST:PORT/NAME,"
                        + " and put user and password into KOYOMI_DATABASE_USERNAME and"
                        + " KOYOMI_DATABASE_PASSWORD.")));
  }

  @Test
  void neverPrintsThePassword() {
    assertThat(settings(PARTS).toString()).contains("billing").doesNotContain("s3cret");
    assertThat(
            settings(Map.of("KOYOMI_DATABASE_URI", "postgresql://a:b-b@h/d?sslpassword=c-c"))
                .toString())
        .contains("h/d as a")
        .doesNotContain("b-b")
        .doesNotContain("c-c");
  }

  /** The trigger's database is read the same way, from names of its own. */
  @Test
  void tellsTheTriggersDatabaseFromTheQueues() {
    Map<String, String> both = with("KOYOMI_TRIGGER_DATABASE_URI", "postgresql://crm/customers");

    assertThat(settings(both))
        .isEqualTo(given("jdbc:postgresql://db.billing:6432/app", "billing", "s3cret"));
    assertThat(DatabaseSettings.of(DatabaseSettings.Purpose.TRIGGER, Optional.empty(), both))
        .isEqualTo(given("jdbc:postgresql://crm/customers", "", ""));
    assertThat(
            DatabaseSettings.of(
                DatabaseSettings.Purpose.TRIGGER,
                Optional.empty(),
                Map.of("KOYOMI_TRIGGER_DATABASE_HOST", "crm", "KOYOMI_TRIGGER_DATABASE_NAME", "c")))
        .isEqualTo(
            new DatabaseSettings.Unusable(
                List.of(
                    "KOYOMI_TRIGGER_DATABASE_USERNAME (key username of the Secret) is missing: set"
                        + " it, or KOYOMI_TRIGGER_DATABASE_URI (key jdbc-uri) with the whole"
                        + " address.")));
    assertThat(DatabaseSettings.of(DatabaseSettings.Purpose.TRIGGER, Optional.empty(), PARTS))
        .isEqualTo(new DatabaseSettings.NotGiven());
  }

  private static DatabaseSettings of(Optional<String> option, Map<String, String> environment) {
    return DatabaseSettings.of(DatabaseSettings.Purpose.QUEUE, option, environment);
  }

  private static DatabaseSettings settings(Map<String, String> environment) {
    return of(Optional.empty(), environment);
  }

  private static DatabaseSettings given(String url, String username, String password) {
    return new DatabaseSettings.Given(new DatabaseAddress(url, username, password));
  }

  private static Map<String, String> with(String variable, String value) {
    Map<String, String> all = new HashMap<>(PARTS);
    all.put(variable, value);
    return all;
  }

  private static Map<String, String> without(String variable) {
    Map<String, String> all = new HashMap<>(PARTS);
    all.remove(variable);
    return all;
  }
}
