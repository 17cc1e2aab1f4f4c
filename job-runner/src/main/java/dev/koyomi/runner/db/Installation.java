package dev.koyomi.runner.db;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;
import java.util.Optional;

/**
 * On whose behalf this process selects and works. A queue that belongs to another installation is
 * left alone: a copied manifest, a restored Secret or a second cluster would do its jobs beside it.
 *
 * @param id empty: nobody's, such as a laptop
 */
public record Installation(Optional<String> id) {
  /** The environment variable that the operator gives its pods. */
  public static final String VARIABLE = "KOYOMI_INSTALLATION";

  public static Installation of(Map<String, String> environment) {
    return new Installation(
        Optional.ofNullable(environment.get(VARIABLE))
            .map(String::strip)
            .filter(text -> !text.isEmpty()));
  }

  /**
   * Why this one must not work here, as a sentence; empty: it may. The schema must be there.
   *
   * @param connection to the queue
   */
  public Optional<String> refusal(Connection connection) throws SQLException {
    return owner(connection).filter(owner -> !id.equals(Optional.of(owner))).map(this::sentence);
  }

  /** Takes a queue that is nobody's yet; the sentence when it is somebody else's. */
  public Optional<String> claim(Connection connection) throws SQLException {
    if (id.isEmpty()) {
      return Optional.empty();
    }
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.claim_installation(?)")) {
      statement.setString(1, id.get());
      return text(statement).filter(owner -> !owner.equals(id.get())).map(this::sentence);
    }
  }

  /** Makes the queue that of this installation and returns whose it was. */
  public Optional<String> adopt(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select koyomi.adopt_installation(?)")) {
      statement.setString(1, id.orElseThrow());
      return text(statement);
    }
  }

  private static Optional<String> owner(Connection connection) throws SQLException {
    try (PreparedStatement statement =
        // The row as a whole: the first release has no such column.
        connection.prepareStatement("select to_jsonb(m) ->> 'installation' from koyomi.meta m")) {
      return text(statement);
    }
  }

  private static Optional<String> text(PreparedStatement statement) throws SQLException {
    try (ResultSet row = statement.executeQuery()) {
      return row.next() ? Optional.ofNullable(row.getString(1)) : Optional.empty();
    }
  }

  private String sentence(String owner) {
    return "The queue in this database belongs to the installation %s, and this is %s: use a database of its own, or, when the other one no longer uses this queue, have it moved by `koyomi migrate --adopt %s`."
        .formatted(
            owner,
            id.map(own -> "the installation " + own)
                .orElse("none (%s is not set)".formatted(VARIABLE)),
            id.orElse("ID"));
  }
}
