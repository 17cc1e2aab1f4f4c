package dev.koyomi.bench.contender;

import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * A queue with its clients and workers, at the settings that suit it best. One is made for each
 * part that is timed, in an empty database of its own. Jobs are numbered from 1; each carries its
 * number and a billing date.
 */
public interface Contender extends AutoCloseable {
  /** Clients that enqueue at the same time. */
  int CLIENTS = 16;

  /** The billing date that a job carries, as text. */
  String BILLING_DATE = "2026-11-01";

  /** Makes a contender. */
  interface Maker {
    /** Makes its tables in an empty database and connects its clients; no worker yet. */
    Contender prepare(DatabaseAddress database) throws Exception;
  }

  /** Stores the jobs 1 to this number by its quickest way, from one client. */
  void enqueueAll(int jobs) throws Exception;

  /**
   * Stores one job, durable on return. Called by up to {@link #CLIENTS} threads at once, and while
   * workers run, which learn of it through the database alone.
   */
  void enqueueOne(int id) throws Exception;

  /** How many connections of the unit's own its handlers use; 0 when they need none. */
  int connections();

  /** Starts one process's worth of workers, which run the unit once for each job. */
  Workers start(Unit unit) throws Exception;

  /** Stored jobs that are not completed yet. */
  long left() throws SQLException;

  /** Whether its units are statements, whose runs only the database counts. */
  default boolean runsUnitsOnTheServer() {
    return false;
  }

  /** Where the units run on the server: jobs that its own books call done. */
  default long succeeded() throws SQLException {
    return 0;
  }

  /** Where the units run on the server: when the first of the jobs was taken. */
  default Optional<Instant> begun() throws SQLException {
    return Optional.empty();
  }

  /**
   * Where the units run on the server: when each job of {@link Work#START} started, by its number.
   */
  default Map<Integer, Instant> starts() throws SQLException {
    return Map.of();
  }

  /**
   * Where the units run on the server: what is wrong when these jobs of {@link Work#START} have
   * been done. One start for each is right.
   */
  default Optional<String> wrongStarts(int jobs) throws SQLException {
    return Optional.empty();
  }

  /** Whether nothing is left; asked often, so cheaper than {@link #left} where that costs much. */
  default boolean drained() throws SQLException {
    return left() == 0;
  }

  /** Disconnects the clients; the tables stay. */
  @Override
  void close() throws Exception;

  /** Running workers. */
  interface Workers extends AutoCloseable {
    /** Returns when they have stopped. */
    @Override
    void close() throws Exception;
  }
}
