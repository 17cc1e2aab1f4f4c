package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

final class LowWaterMarkTest {
  private static final long NOW = 1_000_000_000L;

  private final LowWaterMark mark = new LowWaterMark();

  @Test
  void searchesFromTheSliceThatWasFoundLast() {
    assertThat(mark.at(NOW)).isZero();
    mark.found(17);
    assertThat(mark.at(after(Duration.ofSeconds(1)))).isEqualTo(17);
    mark.foundNothing();
    assertThat(mark.at(after(Duration.ofSeconds(1)))).isZero();
  }

  /** However busy a slot is with what lies behind the mark, it sees what became ready before it. */
  @Test
  void searchesFromTheStartEveryFiveSeconds() {
    mark.at(NOW);
    int fromTheStart = 0;
    for (int tenth = 1; tenth <= 300; tenth++) {
      mark.found(tenth);
      if (mark.at(after(Duration.ofMillis(100L * tenth))) == 0) {
        fromTheStart++;
      }
    }
    assertThat(fromTheStart).isEqualTo(5);
  }

  private static long after(Duration time) {
    return NOW + time.toNanos();
  }
}
