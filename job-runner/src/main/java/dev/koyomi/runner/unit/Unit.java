package dev.koyomi.runner.unit;

import com.fasterxml.jackson.databind.JsonNode;
import java.sql.Connection;
import java.sql.SQLException;

/** The business logic for one target. */
public interface Unit {

  /**
   * Does the work inside the transaction of the given connection, which refuses to be ended or
   * closed.
   *
   * @throws SQLException when the work failed; everything it wrote is rolled back
   */
  Outcome run(Connection connection, long lease, JsonNode payload) throws SQLException;

  /** What the Unit says of its work. */
  sealed interface Outcome {
    record Done() implements Outcome {}

    record Skipped(String reason) implements Outcome {}

    /** The payload does not fit the Unit: no attempt can succeed. */
    record Misfit(String message) implements Outcome {}
  }
}
