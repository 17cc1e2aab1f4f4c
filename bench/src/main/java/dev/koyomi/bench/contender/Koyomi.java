package dev.koyomi.bench.contender;

import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Planned;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;

/** This project: jobs by the doors that its users have, worked by a worker process in this JVM. */
final class Koyomi implements Contender {
  /**
   * How its units are worked.
   *
   * @param compiled whether they may become procedures
   */
  private record Mode(
      String commit, KoyomiUnits units, boolean compiled, int slots, boolean virtual) {}

  private final KoyomiBatch batch;
  private final Mode mode;

  private Koyomi(KoyomiBatch batch, Mode mode) {
    this.batch = batch;
    this.mode = mode;
  }

  static Maker each(int slots) {
    return with(new Mode("{mode: Each}", KoyomiUnits.ONE, true, slots, false));
  }

  /** One network flush for each transaction. */
  static Maker flushed(int slots) {
    return with(new Mode("{mode: Each}", KoyomiUnits.ONE, false, slots, false));
  }

  static Maker flushedOnVirtualThreads(int slots) {
    return with(new Mode("{mode: Each}", KoyomiUnits.ONE, false, slots, true));
  }

  static Maker many(int jobs, boolean compiled, int slots) {
    return with(
        new Mode(
            "{mode: Many, jobs: %d}".formatted(jobs), KoyomiUnits.ONE, compiled, slots, false));
  }

  static Maker chunk(int slots) {
    return with(new Mode("{mode: Chunk}", KoyomiUnits.SET, false, slots, false));
  }

  private static Maker with(Mode mode) {
    return address -> {
      Koyomi koyomi = new Koyomi(KoyomiBatch.open(address, CLIENTS), mode);
      koyomi.register(Work.NOOP);
      return koyomi;
    };
  }

  private Planned.Valid register(Work work) throws ManifestProblem {
    return batch.register(new KoyomiBatch.Form(mode.commit, mode.slots, mode.units.sql(work)));
  }

  @Override
  public void enqueueAll(int jobs) throws Exception {
    batch.enqueue(
        register(Work.NOOP),
        List.of("subscriptionId", "billingDate"),
        "ns",
        sink -> {
          for (int id = 1; id <= jobs; id++) {
            String text = Integer.toString(id);
            sink.add(text, text, BILLING_DATE);
          }
        });
  }

  @Override
  public void enqueueOne(int id) throws SQLException {
    try (Connection connection = batch.database().dataSource().getConnection();
        PreparedStatement enqueue =
            connection.prepareStatement(
                "select koyomi.enqueue('bench/work', ?, jsonb_build_object('subscriptionId', ?,"
                    + " 'billingDate', ?))")) {
      enqueue.setString(1, Integer.toString(id));
      enqueue.setInt(2, id);
      enqueue.setString(3, BILLING_DATE);
      enqueue.execute();
    }
  }

  @Override
  public int connections() {
    return 0;
  }

  @Override
  public boolean runsUnitsOnTheServer() {
    return true;
  }

  @Override
  public Workers start(Unit unit) throws Exception {
    if (unit.work() == Work.START) {
      // No key keeps a second start out: it is to be seen.
      batch.execute("create table started (id int not null, at timestamptz not null)");
    }
    return batch.start(register(unit.work()), mode.compiled, slotThreads());
  }

  private ThreadFactory slotThreads() {
    return mode.virtual
        ? Thread.ofVirtual().name("slot-", 1).factory()
        : KoyomiBatch.platformThreads();
  }

  @Override
  public Optional<Instant> begun() throws SQLException {
    return Optional.of(batch.begun());
  }

  @Override
  public Map<Integer, Instant> starts() throws SQLException {
    Map<Integer, Instant> starts = new HashMap<>();
    try (Connection connection = batch.database().dataSource().getConnection();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select id, at from started")) {
      while (row.next()) {
        starts.put(row.getInt(1), row.getObject(2, OffsetDateTime.class).toInstant());
      }
    }
    return starts;
  }

  @Override
  public Optional<String> wrongStarts(int jobs) throws SQLException {
    long rows = batch.number("select count(*) from started");
    long started =
        batch.number(
            "select count(distinct id) from started where id between 1 and %d".formatted(jobs));
    return rows == jobs && started == jobs
        ? Optional.empty()
        : Optional.of("%d starts of %d jobs after %d".formatted(rows, started, jobs));
  }

  @Override
  public boolean drained() throws SQLException {
    return batch.drained();
  }

  @Override
  public long left() throws SQLException {
    return batch.left();
  }

  @Override
  public long succeeded() throws SQLException {
    return batch.succeeded();
  }

  @Override
  public void close() {
    batch.close();
  }
}
