package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class SteadyClockTest {
  @Test
  void goesOnWhereTheOneBehindItIsSetBack() {
    AtomicLong behind = new AtomicLong(1000);
    SteadyClock clock = new SteadyClock(behind::get);
    behind.addAndGet(50);
    assertThat(clock.getAsLong()).isEqualTo(1050);

    behind.addAndGet(-5000);
    assertThat(clock.getAsLong()).isEqualTo(1050);
    behind.addAndGet(7);
    assertThat(clock.getAsLong()).isEqualTo(1057);
    behind.addAndGet(100_000);
    assertThat(clock.getAsLong()).isEqualTo(101_057);
  }
}
