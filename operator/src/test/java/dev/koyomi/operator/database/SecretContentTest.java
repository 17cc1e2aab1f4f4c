package dev.koyomi.operator.database;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.operator.database.DatabaseAddress.Server;
import dev.koyomi.operator.database.SecretRead.Found;
import dev.koyomi.operator.database.SecretRead.Unusable;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SecretContentTest {
  @Test
  void readsTheParts() {
    assertThat(read(Map.of("host", "db", "dbname", "app", "username", "u", "password", " p ")))
        .isEqualTo(
            new Found(
                new DatabaseAddress(List.of(new Server("db", 5432)), "app", "u", " p ", Map.of())));
  }

  /** The Secret that CloudNativePG makes for an application. */
  @Test
  void readsACloudNativePgSecret() {
    Map<String, String> secret = new HashMap<>();
    secret.put("dbname", "app");
    secret.put("host", "cluster-rw");
    secret.put("jdbc-uri", "jdbc:postgresql://cluster-rw.ns:5432/app?password=s3cret&user=app");
    secret.put("password", "s3cret");
    secret.put("pgpass", "cluster-rw:5432:app:app:s3cret\n");
    secret.put("port", "5432");
    secret.put("uri", "postgresql://app:s3cret@cluster-rw.ns:5432/app");
    secret.put("user", "app");
    secret.put("username", "app");
    assertThat(read(secret))
        .isEqualTo(
            new Found(
                new DatabaseAddress(
                    List.of(new Server("cluster-rw.ns", 5432)), "app", "app", "s3cret", Map.of())));
  }

  @Test
  void followsSeveralServersAndEncryptionButNoParameterThatLoadsCodeOrReadsFiles() {
    assertThat(
            read(
                Map.of(
                    "jdbc-uri",
                    "jdbc:postgresql://a:1,b:2/app?sslmode=require&socketFactory=evil.Class&sslrootcert=/etc/passwd",
                    "username",
                    "u",
                    "password",
                    "p")))
        .isEqualTo(
            new Found(
                new DatabaseAddress(
                    List.of(new Server("a", 1), new Server("b", 2)),
                    "app",
                    "u",
                    "p",
                    Map.of("sslmode", "require"))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"dbname", "username", "password"})
  void namesTheKeyThatIsMissing(String key) {
    Map<String, String> secret =
        new HashMap<>(Map.of("host", "db", "dbname", "app", "username", "u", "password", "p"));
    secret.remove(key);
    assertThat(read(secret))
        .isEqualTo(
            new Unusable(
                "SecretIncomplete",
                "spec.database.secretName: Secret ns/db lacks the key %s: it needs jdbc-uri (or host, port and dbname), username and password."
                    .formatted(key)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "postgresql://app:s3cret@db/app",
        "jdbc:mysql://db/app?password=s3cret",
        "jdbc:postgresql://db:s3cret/app"
      })
  void refusesAnotherAddressWithoutRepeatingIt(String uri) {
    assertThat(read(Map.of("jdbc-uri", uri, "username", "u", "password", "s3cret")))
        .isInstanceOfSatisfying(
            Unusable.class,
            unusable -> {
              assertThat(unusable.reason()).isEqualTo("SecretWrong");
              assertThat(unusable.message()).contains("jdbc-uri", "ns/db").doesNotContain("s3cret");
            });
  }

  @Test
  void anAddressDoesNotTellItsPassword() {
    SecretRead read =
        read(Map.of("host", "db", "dbname", "app", "username", "u", "password", "s3cret"));
    assertThat(read.toString()).contains("db:5432/app").doesNotContain("s3cret");
  }

  private static SecretRead read(Map<String, String> values) {
    Map<String, String> encoded = new HashMap<>();
    values.forEach(
        (key, value) ->
            encoded.put(
                key, Base64.getEncoder().encodeToString(value.getBytes(StandardCharsets.UTF_8))));
    return SecretContent.read("ns/db", encoded);
  }
}
