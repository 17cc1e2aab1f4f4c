package dev.koyomi.operator.reconcile;

import dev.koyomi.crds.occurrence.Cron;
import dev.koyomi.crds.occurrence.CronProblem;
import dev.koyomi.crds.occurrence.Timetable;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.CronJobSpec;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** When CronJobs fire next, whatever the manifest says by now. */
final class NextFiring {
  private NextFiring() {}

  static Optional<Instant> of(List<CronJob> cronJobs, Instant now) {
    return cronJobs.stream()
        .map(CronJob::getSpec)
        .filter(spec -> !Boolean.TRUE.equals(spec.getSuspend()))
        .flatMap(spec -> next(spec, now).stream())
        .min(Comparator.naturalOrder());
  }

  private static Optional<Instant> next(CronJobSpec spec, Instant now) {
    try {
      ZoneId zone = ZoneId.of(Objects.requireNonNullElse(spec.getTimeZone(), "UTC"));
      return Timetable.next(Cron.parse(spec.getSchedule()), zone, now);
    } catch (CronProblem changedByHand) {
      return Optional.empty();
    }
  }
}
