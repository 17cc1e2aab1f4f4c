package dev.koyomi.operator.reconcile;

import dev.koyomi.crds.BatchSchedule;
import dev.koyomi.operator.desired.CronJobClash;
import dev.koyomi.operator.desired.CronJobClash.Claim;
import java.util.Optional;
import java.util.stream.Stream;

/** The other schedules of a namespace. */
interface Neighbours {
  Stream<BatchSchedule> in(String namespace);

  /** The CronJob name that an older neighbour has, if there is one. */
  default Optional<CronJobClash> clashOf(BatchSchedule schedule) {
    String name = schedule.getMetadata().getName();
    return CronJobClash.lostBy(
        claim(schedule),
        in(schedule.getMetadata().getNamespace())
            .filter(other -> mayClash(name, other.getMetadata().getName()))
            .map(Neighbours::claim)
            .toList());
  }

  /** Only a name that begins with the other one. */
  private static boolean mayClash(String one, String other) {
    return one.startsWith(other + "-") || other.startsWith(one + "-");
  }

  private static Claim claim(BatchSchedule schedule) {
    return new Claim(
        schedule.getMetadata().getName(),
        schedule.getMetadata().getCreationTimestamp(),
        Manifest.cronJobNames(schedule));
  }
}
