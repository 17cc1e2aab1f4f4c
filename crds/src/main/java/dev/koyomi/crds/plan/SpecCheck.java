package dev.koyomi.crds.plan;

import static java.util.Objects.requireNonNull;

import dev.koyomi.crds.BatchScheduleSpec;
import dev.koyomi.crds.Database;
import dev.koyomi.crds.Durations;
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
  private final Problems problems;
  private final BatchScheduleSpec spec;
  private final @Nullable ZoneId timeZone;
  private final Map<String, Cron> crons;
  private final @Nullable SqlText triggerSql;
  private final @Nullable Duration triggerTimeout;
  private final @Nullable SqlText unitSql;
  private final @Nullable Duration unitTimeout;
  private final @Nullable Duration stopWithin;
  private final @Nullable Duration initial;
  private final @Nullable Duration max;

  SpecCheck(Problems problems, BatchScheduleSpec spec, String name) {
    this.problems = problems;
    this.spec = spec;
    TimetableCheck timetable = new TimetableCheck(problems);
    timeZone = timetable.zone(spec.timeZone());
    crons = timetable.crons(spec.schedules(), name);
    SqlCheck sql = new SqlCheck(problems);
    Trigger trigger = spec.trigger();
    triggerSql = trigger == null ? null : sql.query(trigger.sql());
    triggerTimeout = trigger == null ? null : timeout(trigger.timeout(), "spec.trigger.timeout");
    Unit unit = spec.unit();
    unitSql = unit == null ? null : sql.transaction(unit.sql());
    unitTimeout = unit == null ? null : timeout(unit.timeout(), "spec.unit.timeout");
    Workers workers = spec.workers();
    stopWithin = workers == null ? null : duration(workers.stopWithin(), "spec.workers.stopWithin");
    if (longer(unitTimeout, stopWithin)) {
      problems.add("spec.workers.stopWithin", Rules.STOP_WITHIN);
    }
    Job.Retry retry = spec.job() == null ? null : spec.job().retry();
    Job.Backoff backoff = retry == null ? null : retry.backoff();
    initial =
        backoff == null ? null : duration(backoff.initial(), "spec.job.retry.backoff.initial");
    max = backoff == null ? null : duration(backoff.max(), "spec.job.retry.backoff.max");
    if (longer(initial, max)) {
      problems.add("spec.job.retry.backoff.initial", Rules.BACKOFF);
    }
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
        selection(requireNonNull(spec.trigger())),
        retry(requireNonNull(requireNonNull(spec.job()).retry())),
        new Plan.UnitPlan(requireNonNull(unitSql), requireNonNull(unitTimeout)),
        workers(requireNonNull(spec.workers())),
        spec.image(),
        spec.resources(),
        spec.env() == null ? List.of() : spec.env(),
        database(requireNonNull(spec.database())));
  }

  private Plan.Selection selection(Trigger trigger) {
    return new Plan.Selection(
        requireNonNull(triggerSql),
        requireNonNull(triggerTimeout),
        requireNonNull(trigger.maxJobs()),
        requireNonNull(trigger.onEmpty()));
  }

  private RetryPolicy retry(Job.Retry retry) {
    Job.Backoff backoff = requireNonNull(retry.backoff());
    return new RetryPolicy(
        requireNonNull(retry.maxAttempts()),
        requireNonNull(initial),
        requireNonNull(backoff.factor()),
        requireNonNull(max),
        requireNonNull(backoff.jitter()));
  }

  private Plan.WorkerPool workers(Workers workers) {
    return new Plan.WorkerPool(
        requireNonNull(workers.max()),
        requireNonNull(workers.concurrency()),
        requireNonNull(stopWithin));
  }

  private static Plan.DatabaseRef database(Database database) {
    return new Plan.DatabaseRef(
        requireNonNull(database.secretName()), requireNonNull(database.migrate()));
  }

  private @Nullable Duration timeout(@Nullable String text, String field) {
    Duration duration = duration(text, field);
    if (duration != null && duration.isZero()) {
      problems.add(field, Rules.ZERO);
      return null;
    }
    return duration;
  }

  private @Nullable Duration duration(@Nullable String text, String field) {
    if (text == null) {
      return null;
    }
    Duration duration = Durations.parse(text).orElse(null);
    if (duration == null) {
      problems.add(field, Rules.DURATION);
    }
    return duration;
  }

  private static boolean longer(@Nullable Duration a, @Nullable Duration b) {
    return a != null && b != null && a.compareTo(b) > 0;
  }
}
