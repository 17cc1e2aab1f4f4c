package dev.koyomi.runner.unit;

import dev.koyomi.crds.plan.Plan;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chooses how a Unit in SQL is worked: set SQL, compiled into a procedure, or statement by
 * statement.
 */
public final class SqlUnits {
  private static final Logger LOG = LoggerFactory.getLogger(SqlUnits.class);

  private final Plan.UnitPlan unit;
  private final boolean mayCompile;
  private final LongSupplier nanoTime;

  /**
   * @param mayCompile false: the statements are sent one flush a transaction, where they could be
   *     compiled too
   */
  public SqlUnits(Plan.UnitPlan unit, boolean mayCompile, LongSupplier nanoTime) {
    this.unit = unit;
    this.mayCompile = mayCompile && UnitProcedure.possible(unit.sql());
    this.nanoTime = nanoTime;
  }

  /** Names of the payload's columns that the Unit needs, in the order of their first use. */
  public List<String> needed() {
    return List.copyOf(unit.sql().needed());
  }

  /** Longest that one statement of ours may take on the server. */
  public Duration longestStatement() {
    return mayCompile ? unit.timeout().plus(UnitProcedure.CALL) : unit.timeout();
  }

  /** After so long without a transaction that ended the Unit hangs. */
  public Duration longestTransaction() {
    // The driver's limit for several statements is in whole seconds.
    return longestStatement().plusSeconds(1);
  }

  /** The Unit on a connection, whose autocommit is on before and after each stride. */
  public Units on(Connection connection) throws SQLException {
    int group =
        switch (unit.commit()) {
          case Plan.Commit.Each() -> 1;
          case Plan.Commit.Many(int jobs) -> jobs;
          case Plan.Commit.Chunk() -> 0;
        };
    SessionSettings settings = SessionSettings.of(connection);
    if (group == 0) {
      return new ChunkUnits(connection, settings, unit.sql(), unit.timeout(), nanoTime);
    }
    if (mayCompile) {
      UnitProcedure procedure = new UnitProcedure(unit.sql(), group > 1, unit.timeout());
      if (procedure.create(connection)) {
        return new CompiledUnits(connection, settings, procedure, group, unit.timeout(), nanoTime);
      }
      LOG.info("the Unit is not compiled here; its statements are sent one by one");
    }
    return new FlushedUnits(connection, settings, unit.sql(), group, unit.timeout(), nanoTime);
  }
}
