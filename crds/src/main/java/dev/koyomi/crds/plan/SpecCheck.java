package dev.koyomi.crds.plan;

import dev.koyomi.crds.BatchScheduleSpec;
import dev.koyomi.crds.Database;
import dev.koyomi.crds.Durations;
import dev.koyomi.crds.Job;
import dev.koyomi.crds.ScheduleEntry;
import dev.koyomi.crds.Trigger;
import dev.koyomi.crds.Unit;
import dev.koyomi.crds.Workers;
import dev.koyomi.crds.occurrence.Cron;
import dev.koyomi.crds.occurrence.CronProblem;
import dev.koyomi.crds.sql.SqlProblem;
import dev.koyomi.crds.sql.SqlText;
import dev.koyomi.crds.sql.SqlText.Statement;
import java.time.Duration;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks what the fields of one spec say and how they fit together. */
final class SpecCheck {
  private static final Set<String> QUERIES = Set.of("SELECT", "WITH", "VALUES", "TABLE");
  private static final Set<String> TRANSACTION_CONTROL =
      Set.of("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE");

  private final Problems problems;
  private final BatchScheduleSpec spec;

  SpecCheck(Problems problems, BatchScheduleSpec spec) {
    this.problems = problems;
    this.spec = spec;
  }

  @Nullable Plan plan(@Nullable BatchName batch, long generation) {
    ZoneId zone = zone();
    List<Plan.Entry> entries = entries(batch);
    Plan.Selection trigger = spec.trigger() == null ? null : selection(spec.trigger());
    RetryPolicy retry = spec.job() == null ? null : retry(spec.job());
    Plan.UnitPlan unit = spec.unit() == null ? null : unit(spec.unit());
    Plan.WorkerPool workers = spec.workers() == null ? null : workers(spec.workers());
    if (workers != null && unit != null && workers.stopWithin().compareTo(unit.timeout()) < 0) {
      problems.add(
          "spec.workers.stopWithin",
          "stopWithin must be at least unit.timeout, so that a stopping pod can finish its Units:"
              + " raise workers.stopWithin or lower unit.timeout.");
    }
    if (!problems.none()) {
      return null;
    }
    Database database = Objects.requireNonNull(spec.database());
    return new Plan(
        Objects.requireNonNull(batch),
        generation,
        Objects.requireNonNull(zone),
        entries,
        Boolean.TRUE.equals(spec.suspend()),
        Objects.requireNonNull(Objects.requireNonNull(spec.overlap()).policy()),
        Objects.requireNonNull(trigger),
        Objects.requireNonNull(retry),
        Objects.requireNonNull(unit),
        Objects.requireNonNull(workers),
        spec.image(),
        spec.resources(),
        spec.env() == null ? List.of() : spec.env(),
        new Plan.DatabaseRef(
            Objects.requireNonNull(database.secretName()),
            Objects.requireNonNull(database.migrate())));
  }

  private @Nullable ZoneId zone() {
    String name = spec.timeZone();
    if (name == null) {
      return null;
    }
    if (!ZoneId.getAvailableZoneIds().contains(name)) {
      problems.add(
          "spec.timeZone",
          "\"%s\" is no IANA time zone%s."
              .formatted(
                  name,
                  NearestName.of(name, ZoneId.getAvailableZoneIds())
                      .map(near -> ": did you mean \"" + near + "\"")
                      .orElse(": write one such as Asia/Tokyo or UTC")));
      return null;
    }
    return ZoneId.of(name);
  }

  private List<Plan.Entry> entries(@Nullable BatchName batch) {
    List<Plan.Entry> entries = new ArrayList<>();
    Set<String> names = new HashSet<>();
    List<ScheduleEntry> given = spec.schedules() == null ? List.of() : spec.schedules();
    for (int i = 0; i < given.size(); i++) {
      ScheduleEntry entry = given.get(i);
      String path = "spec.schedules[" + i + "]";
      if (entry == null || entry.name() == null || entry.cron() == null) {
        continue;
      }
      if (!names.add(entry.name())) {
        problems.add(path + ".name", "\"" + entry.name() + "\" is taken: give each entry its own.");
      }
      try {
        String cronJob = (batch == null ? "" : batch.name()) + "-" + entry.name();
        if (cronJob.length() > 52) {
          problems.add(
              path + ".name",
              "the CronJob's name <schedule>-<entry> may have at most 52 characters: shorten"
                  + " metadata.name or the entry's name.");
        }
        entries.add(new Plan.Entry(entry.name(), Cron.parse(entry.cron()), cronJob));
      } catch (CronProblem e) {
        problems.add(path + ".cron", e.getMessage());
      }
    }
    return entries;
  }

  private Plan.@Nullable Selection selection(Trigger trigger) {
    SqlText sql = sql(trigger.sql(), "spec.trigger.sql");
    if (sql != null
        && (sql.statements().size() != 1
            || !QUERIES.contains(sql.statements().getFirst().keyword()))) {
      problems.add(
          "spec.trigger.sql", "The trigger selects: write one SELECT, WITH, VALUES or TABLE.");
    }
    if (sql != null) {
      sql.parameters().stream()
          .filter(name -> !name.equals("logicalDate"))
          .forEach(
              name ->
                  problems.add(
                      "spec.trigger.sql",
                      "The trigger has no parameter :%s: use :logicalDate.".formatted(name)));
    }
    Duration timeout = duration(trigger.timeout(), "spec.trigger.timeout");
    return sql == null || timeout == null || trigger.maxJobs() == null || trigger.onEmpty() == null
        ? null
        : new Plan.Selection(sql, timeout, trigger.maxJobs(), trigger.onEmpty());
  }

  private Plan.@Nullable UnitPlan unit(Unit unit) {
    SqlText sql = sql(unit.sql(), "spec.unit.sql");
    for (Statement statement : sql == null ? List.<Statement>of() : sql.statements()) {
      if (TRANSACTION_CONTROL.contains(statement.keyword())) {
        problems.add(
            "spec.unit.sql",
            "A Unit is one transaction: take %s out.".formatted(statement.keyword()));
      }
    }
    Duration timeout = duration(unit.timeout(), "spec.unit.timeout");
    return sql == null || timeout == null ? null : new Plan.UnitPlan(sql, timeout);
  }

  private @Nullable SqlText sql(@Nullable String text, String field) {
    if (text == null) {
      return null;
    }
    try {
      SqlText sql = SqlText.parse(text);
      if (sql.statements().isEmpty()) {
        problems.add(field, "There is no statement: write the SQL.");
        return null;
      }
      return sql;
    } catch (SqlProblem e) {
      problems.add(field, e.getMessage());
      return null;
    }
  }

  private @Nullable RetryPolicy retry(Job job) {
    Job.Retry retry = job.retry();
    if (retry == null || retry.maxAttempts() == null || retry.backoff() == null) {
      return null;
    }
    Job.Backoff backoff = retry.backoff();
    Duration initial = duration(backoff.initial(), "spec.job.retry.backoff.initial");
    Duration max = duration(backoff.max(), "spec.job.retry.backoff.max");
    return initial == null || max == null || backoff.factor() == null || backoff.jitter() == null
        ? null
        : new RetryPolicy(retry.maxAttempts(), initial, backoff.factor(), max, backoff.jitter());
  }

  private Plan.@Nullable WorkerPool workers(Workers workers) {
    Duration stopWithin = duration(workers.stopWithin(), "spec.workers.stopWithin");
    return stopWithin == null || workers.max() == null || workers.concurrency() == null
        ? null
        : new Plan.WorkerPool(workers.max(), workers.concurrency(), stopWithin);
  }

  private @Nullable Duration duration(@Nullable String text, String field) {
    if (text == null) {
      return null;
    }
    Duration duration = Durations.parse(text).orElse(null);
    if (duration == null) {
      problems.add(
          field,
          "\"%s\" is not a duration: write a number with h, m, s or ms, such as 10m."
              .formatted(text));
    }
    return duration;
  }
}
