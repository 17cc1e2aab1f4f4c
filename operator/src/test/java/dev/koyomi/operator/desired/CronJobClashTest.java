package dev.koyomi.operator.desired;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.operator.desired.CronJobClash.Claim;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class CronJobClashTest {
  private final Claim older = new Claim("a", "2026-11-01T00:00:00Z", Set.of("a-b-c", "a-x"));
  private final Claim younger = new Claim("a-b", "2026-11-02T00:00:00Z", Set.of("a-b-c"));

  @Test
  void theYoungerLosesAndHearsOfTheOlder() {
    assertThat(CronJobClash.lostBy(younger, List.of(older)))
        .contains(new CronJobClash("a-b-c", "a"));
    assertThat(CronJobClash.lostBy(older, List.of(younger))).isEmpty();
  }

  @Test
  void theNameDecidesBetweenTwoOfTheSameSecond() {
    Claim twin = new Claim("a-b", "2026-11-01T00:00:00Z", Set.of("a-b-c"));
    assertThat(CronJobClash.lostBy(twin, List.of(older))).isPresent();
    assertThat(CronJobClash.lostBy(older, List.of(twin))).isEmpty();
  }

  @Test
  void schedulesWithoutACommonNameDoNotClash() {
    Claim other = new Claim("a-b", "2026-11-02T00:00:00Z", Set.of("a-b-d"));
    assertThat(CronJobClash.lostBy(other, List.of(older))).isEmpty();
  }
}
