package dev.koyomi.operator.desired;

import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Two schedules of a namespace that give one CronJob name, such as {@code a} with the entry {@code
 * b-c} and {@code a-b} with the entry {@code c}. The older one has it.
 */
public record CronJobClash(String cronJob, String olderSchedule) {

  /**
   * What a schedule asks for.
   *
   * @param created its creation timestamp as Kubernetes writes it, which sorts as text
   */
  public record Claim(String schedule, String created, Set<String> cronJobs) {
    public Claim {
      cronJobs = Set.copyOf(cronJobs);
    }
  }

  private static final Comparator<Claim> BY_AGE =
      Comparator.comparing(Claim::created).thenComparing(Claim::schedule);

  /** The clash that {@code mine} loses, if there is one. */
  public static Optional<CronJobClash> lostBy(Claim mine, Collection<Claim> others) {
    return others.stream()
        .filter(other -> BY_AGE.compare(other, mine) < 0)
        .sorted(BY_AGE)
        .flatMap(
            other -> {
              Set<String> both = new HashSet<>(mine.cronJobs());
              both.retainAll(other.cronJobs());
              return both.stream().sorted().map(name -> new CronJobClash(name, other.schedule()));
            })
        .findFirst();
  }
}
