package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.LeasedSlice;
import java.time.Duration;
import java.time.OffsetDateTime;
import org.junit.jupiter.api.Test;

final class LowWaterMarkTest {
  private static final long NOW = 1_000_000_000L;

  private final LowWaterMark mark = new LowWaterMark();

  @Test
  void searchesFromTheSliceThatWasFoundLast() {
    assertThat(mark.at(NOW)).isNull();
    mark.found(slice(17));
    assertThat(mark.at(after(Duration.ofSeconds(1)))).isEqualTo(slice(17));
    mark.foundNothing();
    assertThat(mark.at(after(Duration.ofSeconds(1)))).isNull();
  }

  /** However busy a slot is with what lies behind the mark, it sees what became ready before it. */
  @Test
  void searchesFromTheStartEveryFiveSeconds() {
    mark.at(NOW);
    int fromTheStart = 0;
    for (int tenth = 1; tenth <= 300; tenth++) {
      mark.found(slice(tenth));
      if (mark.at(after(Duration.ofMillis(100L * tenth))) == null) {
        fromTheStart++;
      }
    }
    assertThat(fromTheStart).isEqualTo(5);
  }

  private static LeasedSlice.Mark slice(long id) {
    return new LeasedSlice.Mark(1, OffsetDateTime.MIN, id);
  }

  private static long after(Duration time) {
    return NOW + time.toNanos();
  }
}
