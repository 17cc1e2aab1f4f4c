package dev.koyomi.crds.plan;

import static java.util.Objects.requireNonNull;

import dev.koyomi.crds.BatchScheduleSpec;
import dev.koyomi.crds.Database;
import dev.koyomi.crds.Job;
import dev.koyomi.crds.Rules;
import dev.koyomi.crds.Trigger;
import dev.koyomi.crds.Unit;
import dev.koyomi.crds.Workers;
import dev.koyomi.crds.occurrence.Cron;
import dev.koyomi.crds.sql.SqlText;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Checks what the fields of one spec say and how they fit together. What cannot be read, here or by
 * the record's own limits, is null, and a problem.
 */
final class SpecCheck {
  private static final int JOBS_PER_COMMIT = 50;
  private static final Duration SHORTEST_LIFE = Duration.ofMinutes(10);
  private static final long LEAST_MEMORY = 1L << 20;
  private static final long MOST_MEMORY = 1L << 40;

  private final Problems problems;
  private final BatchScheduleSpec spec;
  private final @Nullable ZoneId timeZone;
  private final Map<String, Cron> crons;
  private final @Nullable SqlText triggerSql;
  private final @Nullable Duration triggerTimeout;
  private final @Nullable SqlText unitSql;
  private final @Nullable Duration unitTimeout;
  private final @Nullable Duration stopWithin;
  private final Plan.@Nullable Commit commit;
  private final Plan.@Nullable JobPlan job;
  private final Plan.@Nullable Recycle recycle;

  SpecCheck(Problems problems, BatchScheduleSpec spec, String name) {
    this.problems = problems;
    this.spec = spec;
    TimetableCheck timetable = new TimetableCheck(problems);
    timeZone = timetable.zone(spec.timeZone());
    crons = timetable.crons(spec.schedules(), name);
    AmountCheck amounts = new AmountCheck(problems);
    SqlCheck sql = new SqlCheck(problems);
    Trigger trigger = spec.trigger();
    triggerSql = trigger == null ? null : sql.query(trigger.sql(), orderMode(spec));
    triggerTimeout =
        trigger == null ? null : amounts.timeout(trigger.timeout(), "spec.trigger.timeout");
    if (trigger == null
        && spec.schedules() != null
        && !spec.schedules().isEmpty()
        && !problems.at("spec.trigger")) {
      problems.add("spec.schedules", Rules.SCHEDULES_WITHOUT_TRIGGER);
    }
    job = new JobCheck(problems).plan(spec.job());
    Unit unit = spec.unit();
    Unit.Commit given = unit == null ? null : unit.commit();
    unitSql =
        unit == null ? null : sql.transaction(unit.sql(), given == null ? null : given.mode());
    unitTimeout = unit == null ? null : amounts.timeout(unit.timeout(), "spec.unit.timeout");
    commit = commit(given);
    Workers workers = spec.workers();
    stopWithin =
        workers == null ? null : amounts.duration(workers.stopWithin(), "spec.workers.stopWithin");
    if (AmountCheck.longer(unitTimeout, stopWithin)) {
      problems.add("spec.workers.stopWithin", Rules.STOP_WITHIN);
    }
    recycle = workers == null ? null : recycle(workers.recycle(), amounts);
    new PodCheck(problems).check(spec);
  }

  /** The plan of a spec without problems: all that is read here has a default or is required. */
  Plan plan(BatchName batch, long generation) {
    return new Plan(
        batch,
        generation,
        requireNonNull(timeZone),
        crons.entrySet().stream()
            .map(
                entry ->
                    new Plan.Entry(
                        entry.getKey(), entry.getValue(), batch.name() + "-" + entry.getKey()))
            .toList(),
        requireNonNull(spec.suspend()),
        requireNonNull(requireNonNull(spec.overlap()).policy()),
        spec.trigger() == null ? null : selection(spec.trigger()),
        requireNonNull(job),
        new Plan.UnitPlan(
            requireNonNull(unitSql), requireNonNull(unitTimeout), requireNonNull(commit)),
        workers(requireNonNull(spec.workers())),
        spec.image(),
        spec.resources(),
        spec.env() == null ? List.of() : spec.env(),
        database(requireNonNull(spec.database())),
        requireNonNull(requireNonNull(spec.history()).days()));
  }

  private Plan.Selection selection(Trigger trigger) {
    return new Plan.Selection(
        requireNonNull(triggerSql),
        requireNonNull(triggerTimeout),
        requireNonNull(trigger.maxJobs()),
        requireNonNull(trigger.onEmpty()),
        trigger.database() == null ? null : trigger.database().secretName());
  }

  private Plan.WorkerPool workers(Workers workers) {
    return new Plan.WorkerPool(
        requireNonNull(workers.max()),
        requireNonNull(workers.concurrency()),
        requireNonNull(stopWithin),
        requireNonNull(recycle));
  }

  private static Plan.DatabaseRef database(Database database) {
    return new Plan.DatabaseRef(
        requireNonNull(database.secretName()), requireNonNull(database.migrate()));
  }

  private static Job.@Nullable OrderMode orderMode(BatchScheduleSpec spec) {
    Job.Order order = spec.job() == null ? null : spec.job().order();
    return order == null ? null : order.mode();
  }

  private Plan.@Nullable Commit commit(Unit.@Nullable Commit given) {
    Unit.CommitMode mode = given == null ? null : given.mode();
    if (given == null || mode == null) {
      return null;
    }
    if (given.jobs() != null && mode != Unit.CommitMode.Many) {
      problems.add("spec.unit.commit.jobs", Rules.COMMIT_JOBS);
    }
    return switch (mode) {
      case Each -> new Plan.Commit.Each();
      case Many -> new Plan.Commit.Many(given.jobs() == null ? JOBS_PER_COMMIT : given.jobs());
      case Chunk -> new Plan.Commit.Chunk();
    };
  }

  private Plan.@Nullable Recycle recycle(Workers.@Nullable Recycle given, AmountCheck amounts) {
    if (given == null) {
      return null;
    }
    Duration maxTime = amounts.duration(given.maxTime(), "spec.workers.recycle.maxTime");
    if (AmountCheck.longer(SHORTEST_LIFE, maxTime)) {
      problems.add("spec.workers.recycle.maxTime", Rules.MAX_TIME);
    }
    Long softMemory =
        amounts.bytes(
            given.softMemory(),
            "spec.workers.recycle.softMemory",
            LEAST_MEMORY,
            MOST_MEMORY,
            Rules.SOFT_MEMORY);
    return maxTime == null ? null : new Plan.Recycle(maxTime, given.maxJobs(), softMemory);
  }
}
