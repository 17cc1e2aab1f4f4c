package dev.koyomi.operator.reconcile;

import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.crds.occurrence.Timetable;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.crds.plan.Problem;
import dev.koyomi.operator.apply.LiveObjects;
import dev.koyomi.operator.database.BatchQueue;
import dev.koyomi.operator.database.Databases;
import dev.koyomi.operator.database.QueueState;
import dev.koyomi.operator.database.SecretRead;
import dev.koyomi.operator.database.Secrets;
import dev.koyomi.operator.desired.Blueprint;
import dev.koyomi.operator.desired.CronJobClash;
import dev.koyomi.operator.status.Findings;
import dev.koyomi.operator.status.Observed;
import dev.koyomi.operator.status.Reachability;
import dev.koyomi.operator.status.Stage;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The way from a stored manifest to what is known about it: plan, database, objects. */
final class Course {
  private static final int PROBLEMS_SHOWN = 20;

  private final String runnerImage;
  private final Optional<String> installation;
  private final Neighbours neighbours;
  private final Secrets secrets;
  private final Databases databases;
  private final LiveObjects live;
  private final ObjectsStep objects;

  Course(
      String runnerImage,
      Optional<String> installation,
      Neighbours neighbours,
      Secrets secrets,
      Databases databases,
      LiveObjects live,
      ObjectsStep objects) {
    this.runnerImage = runnerImage;
    this.installation = installation;
    this.neighbours = neighbours;
    this.secrets = secrets;
    this.databases = databases;
    this.live = live;
    this.objects = objects;
  }

  Findings follow(BatchSchedule schedule, Instant now) throws InterruptedException {
    return switch (Planner.plan(Manifest.treeOf(schedule))) {
      case Planned.Invalid(List<Problem> problems) -> invalid(schedule, problems, now);
      case Planned.Valid valid ->
          follow(
              new Blueprint(
                  valid.plan(),
                  valid.definition(),
                  runnerImage,
                  installation,
                  Optional.of(schedule.getMetadata().getUid())),
              schedule,
              now);
    };
  }

  /** What an earlier, valid manifest brought about goes on, and its status with it. */
  private Findings invalid(BatchSchedule schedule, List<Problem> problems, Instant now) {
    BatchName batch = Manifest.nameOf(schedule);
    List<CronJob> cronJobs = live.of(batch, CronJob.class);
    Optional<BatchQueue> queue = databases.of(batch);
    return new Findings(
        schedule.getMetadata().getGeneration(),
        new Stage.Stalled(
            "InvalidSpec",
            cronJobs.isEmpty()
                ? sentence(problems)
                : sentence(problems) + " Until then the batch runs as the manifest before said."),
        queue
            .map(attached -> reachability(attached.state()))
            .orElseGet(() -> new Reachability.Unknown("The manifest has problems.")),
        NextFiring.of(cronJobs, now),
        liveCronJobs(batch),
        queue.flatMap(attached -> attached.observed(batch)));
  }

  private Findings follow(Blueprint blueprint, BatchSchedule schedule, Instant now)
      throws InterruptedException {
    Plan plan = blueprint.plan();
    Optional<CronJobClash> clash = neighbours.clashOf(schedule);
    Set<String> cronJobs =
        plan.entries().stream().map(Plan.Entry::cronJob).collect(Collectors.toSet());
    clash.ifPresent(lost -> cronJobs.remove(lost.cronJob()));
    objects.removeCronJobs(plan.batch(), cronJobs);
    if (clash.isPresent()) {
      return findings(plan, taken(clash.get()), new Reachability.Unknown("Not tried."), now);
    }
    return switch (secrets.read(plan.batch(), plan.database().secretName())) {
      case SecretRead.Unusable(String reason, String message) -> {
        databases.detach(plan.batch());
        yield findings(
            plan, new Stage.Stalled(reason, message), new Reachability.Unknown(message), now);
      }
      case SecretRead.Found found -> {
        BatchQueue queue = databases.attach(plan.batch(), found.address());
        Stage stage = objects.carryOut(blueprint, queue);
        yield new Findings(
            plan.generation(),
            stage,
            reachability(queue.state()),
            next(plan, shownCronJobs(plan), now),
            shownCronJobs(plan),
            queue.observed(plan.batch()));
      }
    };
  }

  private Findings findings(Plan plan, Stage stage, Reachability queue, Instant now) {
    Optional<Observed> notLooked = Optional.empty();
    return new Findings(
        plan.generation(),
        stage,
        queue,
        next(plan, shownCronJobs(plan), now),
        shownCronJobs(plan),
        notLooked);
  }

  private static Stage taken(CronJobClash clash) {
    return new Stage.Stalled(
        "NameTaken",
        "spec.schedules: the CronJob %s belongs to the older BatchSchedule %s: rename the entry or this BatchSchedule."
            .formatted(clash.cronJob(), clash.olderSchedule()));
  }

  private static String sentence(List<Problem> problems) {
    String shown =
        problems.stream()
            .limit(PROBLEMS_SHOWN)
            .map(Problem::toString)
            .collect(Collectors.joining(" "));
    int more = problems.size() - PROBLEMS_SHOWN;
    return more > 0 ? shown + " And " + more + " more." : shown;
  }

  private static Reachability reachability(QueueState state) {
    return switch (state) {
      case QueueState.Unreachable(String reason, String message) ->
          new Reachability.Unreachable(reason, message);
      case QueueState.Foreign(String message) ->
          new Reachability.Unreachable("OtherInstallation", message);
      case QueueState.Behind _ ->
          new Reachability.Unreachable("SchemaBehind", "The queue's schema is too old to be used.");
      case QueueState.Ahead _ ->
          new Reachability.Unreachable("SchemaAhead", "The queue's schema is too new to be used.");
      case QueueState.Working() -> new Reachability.Reachable();
    };
  }

  /** What has no CronJob does not fire. */
  private static Optional<Instant> next(Plan plan, List<String> cronJobs, Instant now) {
    return plan.suspend()
        ? Optional.empty()
        : plan.entries().stream()
            .filter(entry -> cronJobs.contains(entry.cronJob()))
            .flatMap(entry -> Timetable.next(entry.cron(), plan.timeZone(), now).stream())
            .min(Comparator.naturalOrder());
  }

  /** Those of the manifest that are there, in its order. */
  private List<String> shownCronJobs(Plan plan) {
    Set<String> there = new HashSet<>(liveCronJobs(plan.batch()));
    return plan.entries().stream().map(Plan.Entry::cronJob).filter(there::contains).toList();
  }

  private List<String> liveCronJobs(BatchName batch) {
    return live.of(batch, CronJob.class).stream()
        .map(cronJob -> cronJob.getMetadata().getName())
        .sorted()
        .toList();
  }
}
