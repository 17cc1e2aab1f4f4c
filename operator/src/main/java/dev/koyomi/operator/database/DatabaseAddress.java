package dev.koyomi.operator.database;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * How to connect to a database. Two Secrets with the same content are one database.
 *
 * @param servers in the order in which they are tried
 * @param parameters connection parameters of the driver
 */
public record DatabaseAddress(
    List<Server> servers,
    String database,
    String username,
    String password,
    Map<String, String> parameters) {
  public DatabaseAddress {
    servers = List.copyOf(servers);
    parameters = Map.copyOf(parameters);
  }

  /** One server. */
  public record Server(String host, int port) {}

  /** Where it is, for messages: never with the password. */
  @Override
  public String toString() {
    List<String> places = new ArrayList<>();
    servers.forEach(server -> places.add(server.host() + ":" + server.port()));
    return String.join(",", places) + "/" + database;
  }
}
