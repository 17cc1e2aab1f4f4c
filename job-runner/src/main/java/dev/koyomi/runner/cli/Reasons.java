package dev.koyomi.runner.cli;

import dev.koyomi.crds.Durations;
import dev.koyomi.crds.occurrence.Timetable;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.runner.history.HeldLane;
import dev.koyomi.runner.history.QueueRow;
import dev.koyomi.runner.history.RunRow;
import dev.koyomi.runner.history.Situation;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Why a batch does what it does, in sentences: what it is doing first, then what holds it, what
 * happened last and what comes next.
 *
 * @param openRuns those that are not over, but for the days' of enqueued jobs, the newest first
 * @param lastRun the newest one
 * @param zone in which times are shown
 */
record Reasons(
    Plan plan,
    Situation situation,
    QueueRow queue,
    List<HeldLane> lanes,
    List<RunRow> openRuns,
    Optional<RunRow> lastRun,
    ZoneId zone) {
  private static final DateTimeFormatter SLOT =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm", Locale.ROOT);

  private static final int KEYS = 5;

  Reasons {
    lanes = List.copyOf(lanes);
    openRuns = List.copyOf(openRuns);
  }

  List<String> sentences() {
    List<String> all = new ArrayList<>();
    boolean selecting = situation.selectingRun() != null;
    if (!selecting || queue.pausedAt() != null || queue.waiting() + queue.running() > 0) {
      all.add(doing());
    }
    selecting().ifPresent(all::add);
    if (queue.pausedAt() == null && queue.waiting() > behindStopped()) {
      all.addAll(holding());
    }
    if (queue.pausedAt() == null && queue.waiting() + queue.running() > behindStopped()) {
      hindered().ifPresent(all::add);
    }
    stopped().ifPresent(all::add);
    attention().ifPresent(all::add);
    if (!selecting) {
      older().ifPresent(all::add);
      all.add(last());
    }
    all.add(next());
    return all;
  }

  private String shortName() {
    return BatchArgument.shortName(queue.batch());
  }

  private String doing() {
    if (queue.pausedAt() != null) {
      return "%s is paused by %s since %s%s: %s, and none begins until `koyomi queue resume %s`."
          .formatted(
              queue.batch(),
              queue.pausedBy(),
              Shown.time(queue.pausedAt(), zone),
              queue.pausedWhy() == null ? "" : " (" + queue.pausedWhy() + ")",
              counted(queue.waiting(), "waits", "wait"),
              shortName());
    }
    if (queue.running() > 0) {
      return "%s works: %s in hand, %s."
          .formatted(
              queue.batch(),
              counted(queue.running(), "is", "are"),
              queue.waiting() == 1 ? "1 waits" : Shown.count(queue.waiting()) + " wait");
    }
    return queue.waiting() > 0
        ? "%s has nothing in hand; %s."
            .formatted(queue.batch(), counted(queue.waiting(), "waits", "wait"))
        : "%s has nothing to do: no job waits and none runs.".formatted(queue.batch());
  }

  private static String counted(long jobs, String one, String more) {
    return Shown.jobs(jobs) + " " + (jobs == 1 ? one : more);
  }

  private Optional<String> selecting() {
    if (situation.selectingRun() == null || situation.selectingSince() == null) {
      return Optional.empty();
    }
    String since = Shown.time(situation.selectingSince(), zone);
    return Optional.of(
        situation.selector() == null
            ? "The targets of run %d of %s were being selected since %s, but that process is gone: another one takes over, or the selection is given up; `koyomi redispatch %s --run %d` selects now.%s"
                .formatted(
                    situation.selectingRun(),
                    queue.batch(),
                    since,
                    shortName(),
                    situation.selectingRun(),
                    situation.selectingProblem() == null
                        ? ""
                        : " Its last problem: " + situation.selectingProblem())
            : "The targets of run %d of %s are being selected by %s since %s; its jobs begin when all are there."
                .formatted(situation.selectingRun(), queue.batch(), situation.selector(), since));
  }

  /** What keeps waiting jobs from beginning; several things may. */
  private List<String> holding() {
    List<String> all = new ArrayList<>();
    if (situation.workers() == 0) {
      all.add(
          situation.draining() > 0
              ? "Its workers are about to stop and take no more: what waits is for the next ones."
              : "No worker lives, so nobody takes them: on a cluster look at the batch's pods,"
                  + " elsewhere start `koyomi work`.");
    }
    if (situation.atLimit()) {
      all.add(
          "As many run as may at a time: spec.job.limits.concurrency is %d."
              .formatted(situation.maxConcurrent()));
    }
    if (situation.rateUsedUp() && situation.ratePer() != null) {
      all.add(
          "As many began as may: spec.job.limits.rate allows %s in %s."
              .formatted(
                  Shown.jobs(situation.rateJobs() == null ? 0 : situation.rateJobs()),
                  Durations.format(situation.ratePer())));
    }
    if (queue.retrying() > 0 && situation.retryAt() != null) {
      all.add(
          "%s and %s for another attempt, the first until %s."
              .formatted(
                  counted(queue.retrying(), "failed", "failed"),
                  queue.retrying() == 1 ? "waits" : "wait",
                  Shown.time(situation.retryAt(), zone)));
    }
    Duration due = situation.nextDueIn();
    if (due != null && due.isPositive() && queue.waiting() > queue.retrying()) {
      all.add(
          "The next job is due at %s, in %s."
              .formatted(Shown.time(situation.now().plus(due), zone), Shown.duration(due)));
    }
    if (situation.alone() > 0) {
      all.add(
          "A worker died of some of them, perhaps: these are worked one by one, by a worker that"
              + " has nothing else.");
    }
    return all;
  }

  private Optional<String> hindered() {
    return situation.hindered() == null
        ? Optional.empty()
        : Optional.of(
            "What its Unit needs cannot be reached (%s): jobs are tried again every few seconds, and no attempt is counted."
                .formatted(situation.hindered()));
  }

  private long behindStopped() {
    return lanes.stream().mapToLong(HeldLane::waiting).sum();
  }

  private Optional<String> stopped() {
    if (lanes.isEmpty()) {
      return Optional.empty();
    }
    String keys = lanes.stream().limit(KEYS).map(HeldLane::key).collect(Collectors.joining(", "));
    return Optional.of(
        "%s stopped by %s%s: %s behind. `koyomi queue show %s` says what helps."
            .formatted(
                lanes.size() == 1 ? "A lane is" : Shown.count(lanes.size()) + " lanes are",
                lanes.size() == 1 ? "the job of key " + keys : "the jobs of keys " + keys,
                lanes.size() > KEYS ? ", …" : "",
                counted(behindStopped(), "waits", "wait"),
                shortName()));
  }

  private Optional<String> attention() {
    return queue.dead() == 0
        ? Optional.empty()
        : Optional.of(
            "%s attention: `koyomi failed list %s` says why."
                .formatted(counted(queue.dead(), "needs", "need"), shortName()));
  }

  /** Of several that are not over, the one that began first. */
  private Optional<String> older() {
    // By number: between the two questions its counts have moved on.
    return openRuns.isEmpty()
            || lastRun.stream().anyMatch(last -> last.id() == openRuns.getLast().id())
        ? Optional.empty()
        : Optional.of(
            "Run %d for %s is %s since %s."
                .formatted(
                    openRuns.getLast().id(),
                    openRuns.getLast().logicalDate(),
                    openRuns.getLast().state(),
                    Shown.time(openRuns.getLast().createdAt(), zone)));
  }

  private String last() {
    if (lastRun.isEmpty()) {
      return "It has never run.";
    }
    RunRow run = lastRun.get();
    String which = "The last run, %d for %s, ".formatted(run.id(), run.logicalDate());
    return run.endedAt() == null
        ? which + "is %s since %s.".formatted(run.state(), Shown.time(run.createdAt(), zone))
        : which
            + "ended as %s at %s%s."
                .formatted(
                    run.state(),
                    Shown.time(run.endedAt(), zone),
                    run.message() == null ? "" : ": " + run.message());
  }

  private String next() {
    Instant now = situation.now();
    Optional<Instant> slot =
        plan.entries().stream()
            .flatMap(entry -> Timetable.next(entry.cron(), plan.timeZone(), now).stream())
            .min(Comparator.naturalOrder());
    if (slot.isEmpty()) {
      return plan.trigger() == null
          ? "It has no trigger: its jobs are enqueued."
          : "It has no schedule: its runs are asked for.";
    }
    return situation.suspended()
        ? "No slot makes a run: spec.suspend is true."
        : "The next slot is %s (%s)."
            .formatted(SLOT.format(slot.get().atZone(plan.timeZone())), plan.timeZone());
  }
}
