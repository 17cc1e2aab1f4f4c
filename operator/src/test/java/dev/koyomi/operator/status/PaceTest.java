package dev.koyomi.operator.status;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.BatchScheduleStatus.LastRun;
import dev.koyomi.crds.BatchScheduleStatus.Queue;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class PaceTest {
  private static final Instant START = Instant.parse("2026-11-01T00:00:00Z");

  @Test
  void tellsTheFirstThingAtOnce() {
    assertThat(Pace.due(Optional.empty(), run(1, "Running", 0), START)).isTrue();
  }

  @Test
  void tellsCountsAtMostEveryHalfMinute() {
    Optional<Pace.Told> told = Optional.of(new Pace.Told(run(1, "Running", 1), START));
    assertThat(Pace.due(told, run(1, "Running", 2), START.plusSeconds(29))).isFalse();
    assertThat(Pace.due(told, run(1, "Running", 2), START.plusSeconds(30))).isTrue();
  }

  @Test
  void tellsTheBeginningAndTheEndOfARunAtOnce() {
    Optional<Pace.Told> told = Optional.of(new Pace.Told(run(1, "Running", 1), START));
    assertThat(Pace.due(told, run(1, "Succeeded", 10), START)).isTrue();
    assertThat(Pace.due(told, run(2, "Running", 1), START)).isTrue();
  }

  @Test
  void doesNotRepeatItself() {
    Optional<Pace.Told> told = Optional.of(new Pace.Told(run(1, "Running", 1), START));
    assertThat(Pace.due(told, run(1, "Running", 1), START.plusSeconds(3600))).isFalse();
  }

  private static Observed run(long id, String state, long succeeded) {
    LastRun shown =
        new LastRun("2026-10-31T16:00:00Z", "2026-11-01", state, null, 10L, succeeded, 0L, 0L);
    return new Observed(
        Optional.of(new Observed.Run(id, 1, shown)), new Queue(10 - succeeded, 0L, 0L, 0L));
  }
}
