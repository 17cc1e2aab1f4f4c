package dev.koyomi.bench;

import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.Tally;
import dev.koyomi.bench.contender.Unit;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * How long one job waits for idle workers: from the return of the call that stored it to the first
 * line of its handler. Below zero when the handler was faster than the way back to the caller.
 */
final class PickUp {
  /** In three turns enough for the hundredth of them to say something. */
  private static final int JOBS = 80;

  /** Longer than the slowest poll: the workers have asked at least once. */
  private static final Duration IDLE = Duration.ofSeconds(6);

  private static final Duration PATIENCE = Duration.ofSeconds(15);
  private static final Duration LOOK = Duration.ofMillis(50);
  private static final int LEAST_GAP_MILLIS = 200;
  private static final int MOST_GAP_MILLIS = 500;

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Turns turns = Stage.turns(server, Sizes.orElse(JOBS), PickUp::oneAtATime, PickUp::told);
      report(turns);
    }
  }

  private static String told(Result result) {
    return "%12s ms p50  %12s ms p95"
        .formatted(
            Report.figure(percentile(result.figures(), 50)),
            Report.figure(percentile(result.figures(), 95)));
  }

  private static Result oneAtATime(Stage stage, int jobs) throws Exception {
    try (Unit unit = stage.unit(Work.START, jobs)) {
      RandomGenerator random = RandomGenerator.getDefault();
      Noise noise = stage.quiet();
      try (Contender.Workers _ = stage.contender().start(unit)) {
        Thread.sleep(IDLE);
        List<Moment> returned = new ArrayList<>();
        for (int id = 1; id <= jobs; id++) {
          Thread.sleep(random.nextInt(LEAST_GAP_MILLIS, MOST_GAP_MILLIS + 1));
          stage.contender().enqueueOne(id);
          returned.add(Moment.now());
        }
        awaitEnd(stage.contender(), unit.tally(), jobs);
        return new Result(
            jobs,
            waits(stage.contender(), unit.tally(), returned),
            noise.cores(),
            Draining.wrong(stage, unit, jobs));
      }
    }
  }

  /** By the clock of this process, and by the one that it shares with the server. */
  private record Moment(long nanos, Instant instant) {
    static Moment now() {
      return new Moment(System.nanoTime(), Instant.now());
    }
  }

  private static void awaitEnd(Contender contender, Tally tally, int jobs) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (((tally.endedJobs() < jobs && !contender.runsUnitsOnTheServer()) || !contender.drained())
        && System.nanoTime() < deadline) {
      Thread.sleep(LOOK);
    }
  }

  private static List<Double> waits(Contender contender, Tally tally, List<Moment> returned)
      throws SQLException {
    Map<Integer, Instant> starts = contender.starts();
    List<Double> waits = new ArrayList<>();
    for (int id = 1; id <= returned.size(); id++) {
      Moment moment = returned.get(id - 1);
      @Nullable Instant start = starts.get(id);
      waits.add(
          contender.runsUnitsOnTheServer()
              ? start == null ? Double.NaN : Duration.between(moment.instant, start).toNanos() / 1e6
              : (tally.start(id) - moment.nanos) / 1e6);
    }
    return waits;
  }

  private static void report(Turns turns) {
    Report report =
        new Report(
            "PickUp: idle workers, one job at a time, milliseconds",
            "",
            "jobs a turn",
            "p50",
            "p95",
            "p99",
            "p50 ÷ %s's".formatted(turns.first()),
            "others");
    double first = percentile(waits(turns, turns.first()), 50);
    for (String name : turns.names()) {
      List<Double> waits = waits(turns, name);
      report.row(
          turns,
          name,
          Report.figure(percentile(waits, 50)),
          Report.figure(percentile(waits, 95)),
          Report.figure(percentile(waits, 99)),
          Report.figure(percentile(waits, 50) / first));
    }
    report.print();
  }

  /** Those of all turns together. */
  private static List<Double> waits(Turns turns, String name) {
    return turns.of(name).stream().flatMap(result -> result.figures().stream()).toList();
  }

  private static double percentile(List<Double> waits, int percent) {
    List<Double> sorted = waits.stream().sorted().toList();
    return sorted.get(Math.min(sorted.size() - 1, sorted.size() * percent / 100));
  }
}
