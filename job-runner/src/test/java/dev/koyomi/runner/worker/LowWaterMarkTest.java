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
  void searchesFromTheSliceOfEachClassThatWasFoundLast() {
    assertThat(mark.at(NOW)).isEmpty();
    mark.found(slice(1, 16));
    mark.found(slice(2, 3));
    mark.found(slice(1, 17));

    assertThat(mark.at(after(Duration.ofSeconds(1)))).containsExactly(slice(1, 17), slice(2, 3));
  }

  /** However busy a slot is with what lies behind the mark, it sees what became ready before it. */
  @Test
  void searchesFromTheStartEveryFiveSeconds() {
    mark.at(NOW);
    int fromTheStart = 0;
    for (int tenth = 1; tenth <= 300; tenth++) {
      mark.found(slice(1, tenth));
      if (mark.at(after(Duration.ofMillis(100L * tenth))).isEmpty()) {
        fromTheStart++;
      }
    }
    assertThat(fromTheStart).isEqualTo(5);
  }

  /** What is seen there must be what is leased next. */
  @Test
  void aSearchThatTakesFollowsOneThatLookedFromTheStart() {
    mark.at(NOW);
    mark.found(slice(1, 17));
    assertThat(mark.look(after(Duration.ofSeconds(1)))).containsExactly(slice(1, 17));

    assertThat(mark.look(after(Duration.ofSeconds(6)))).isEmpty();
    assertThat(mark.look(after(Duration.ofSeconds(7)))).containsExactly(slice(1, 17));
    assertThat(mark.at(after(Duration.ofSeconds(7)))).isEmpty();
    assertThat(mark.at(after(Duration.ofSeconds(7)))).containsExactly(slice(1, 17));
  }

  @Test
  void passesOverASliceForAWhile() {
    mark.at(NOW);
    mark.found(slice(1, 17));
    mark.passOver(slice(1, 17), after(Duration.ofSeconds(4)));

    assertThat(mark.at(after(Duration.ofSeconds(8)))).containsExactly(slice(1, 18));
    assertThat(mark.at(after(Duration.ofSeconds(10)))).isEmpty();
  }

  @Test
  void searchesFromTheStartAtOnceWhereItFoundNothing() {
    mark.at(NOW);
    mark.took(Duration.ofMillis(1).toNanos());
    mark.found(slice(1, 17));

    assertThat(mark.again(after(Duration.ofMillis(10)))).isTrue();
    assertThat(mark.again(after(Duration.ofMillis(19)))).isFalse();
    assertThat(mark.again(after(Duration.ofMillis(20)))).isTrue();
  }

  /** Over millions of dead rows a search from the start takes seconds. */
  @Test
  void searchesFromTheStartATenthOfTheTimeAtMost() {
    mark.at(NOW);
    mark.took(Duration.ofMillis(300).toNanos());
    mark.found(slice(1, 17));

    assertThat(mark.again(after(Duration.ofMillis(2999)))).isFalse();
    assertThat(mark.again(after(Duration.ofSeconds(3)))).isTrue();

    mark.took(Duration.ofMinutes(1).toNanos());
    assertThat(mark.again(after(Duration.ofMillis(7999)))).isFalse();
    assertThat(mark.again(after(Duration.ofSeconds(8)))).isTrue();
  }

  private static LeasedSlice.Mark slice(int priority, long id) {
    return new LeasedSlice.Mark(priority, OffsetDateTime.MIN, id);
  }

  private static long after(Duration time) {
    return NOW + time.toNanos();
  }
}
