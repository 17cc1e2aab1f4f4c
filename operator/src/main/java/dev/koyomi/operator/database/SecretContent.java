package dev.koyomi.operator.database;

import dev.koyomi.operator.database.DatabaseAddress.Server;
import dev.koyomi.operator.database.SecretRead.Found;
import dev.koyomi.operator.database.SecretRead.Unusable;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.postgresql.ds.PGSimpleDataSource;

/** Reads the keys of a database Secret. What is in them never gets into a message. */
final class SecretContent {
  private static final String NEEDS =
      "it needs jdbc-uri (or host, port and dbname), username and password.";
  private static final int DEFAULT_PORT = 5432;

  /**
   * The parameters of a jdbc-uri that the operator follows. Others are for the runner: some of them
   * name classes to load or files to read, and whoever writes a Secret must not choose those for
   * the operator.
   */
  private static final Set<String> FOLLOWED =
      Set.of("ssl", "sslmode", "channelBinding", "gssEncMode", "targetServerType");

  /** Its own values of the parameters, which need not be repeated. */
  private static final PGSimpleDataSource DRIVER = new PGSimpleDataSource();

  private final String secret;
  private final Map<String, String> data;

  private SecretContent(String secret, Map<String, String> data) {
    this.secret = secret;
    this.data = data;
  }

  /**
   * Reads the Secret.
   *
   * @param secret its namespace/name, for messages
   * @param data its keys with their values in Base64
   */
  static SecretRead read(String secret, Map<String, String> data) {
    return new SecretContent(secret, data).read();
  }

  private SecretRead read() {
    Optional<String> uri = value("jdbc-uri");
    return uri.isPresent() ? ofUri(uri.get()) : ofParts();
  }

  private SecretRead ofUri(String uri) {
    PGSimpleDataSource parsed = new PGSimpleDataSource();
    List<Server> servers = new ArrayList<>();
    Map<String, String> parameters = new TreeMap<>();
    try {
      parsed.setURL(uri);
      String[] hosts = Objects.requireNonNull(parsed.getServerNames());
      int[] ports = Objects.requireNonNull(parsed.getPortNumbers());
      for (int i = 0; i < hosts.length; i++) {
        servers.add(new Server(hosts[i], ports[i] == 0 ? DEFAULT_PORT : ports[i]));
      }
      for (String name : FOLLOWED) {
        String value = parsed.getProperty(name);
        if (value != null && !value.equals(DRIVER.getProperty(name))) {
          parameters.put(name, value);
        }
      }
    } catch (IllegalArgumentException | SQLException e) {
      // The driver's message would repeat the address, and with it the password that may be in it.
      return new Unusable(
          "SecretWrong",
          "The key jdbc-uri of Secret %s is no address of a PostgreSQL database: write jdbc:postgresql://host:5432/dbname."
              .formatted(secret));
    }
    return address(
        servers,
        Optional.ofNullable(parsed.getDatabaseName()),
        value("username").or(() -> Optional.ofNullable(parsed.getUser())),
        value("password").or(() -> Optional.ofNullable(parsed.getPassword())),
        parameters);
  }

  private SecretRead ofParts() {
    Optional<String> host = value("host");
    if (host.isEmpty()) {
      return lacks("jdbc-uri (or host)");
    }
    String port = value("port").orElse(String.valueOf(DEFAULT_PORT));
    if (!port.matches("[0-9]{1,5}")) {
      return new Unusable(
          "SecretWrong",
          "The key port of Secret %s is not a number: write one such as 5432.".formatted(secret));
    }
    return address(
        List.of(new Server(host.get(), Integer.parseInt(port))),
        value("dbname"),
        value("username"),
        value("password"),
        Map.of());
  }

  private SecretRead address(
      List<Server> servers,
      Optional<String> database,
      Optional<String> username,
      Optional<String> password,
      Map<String, String> parameters) {
    if (database.isEmpty()) {
      return lacks("dbname");
    }
    if (username.isEmpty()) {
      return lacks("username");
    }
    if (password.isEmpty()) {
      return lacks("password");
    }
    return new Found(
        new DatabaseAddress(servers, database.get(), username.get(), password.get(), parameters));
  }

  private Unusable lacks(String key) {
    return new Unusable(
        "SecretIncomplete",
        "spec.database.secretName: Secret %s lacks the key %s: %s".formatted(secret, key, NEEDS));
  }

  private Optional<String> value(String key) {
    return Optional.ofNullable(data.get(key))
        .map(encoded -> new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8))
        .map(text -> key.equals("password") ? text : text.strip());
  }
}
