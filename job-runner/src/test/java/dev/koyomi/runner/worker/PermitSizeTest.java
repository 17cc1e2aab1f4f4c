package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class PermitSizeTest {
  @Test
  void asksForAsManyAsBeginBeforeAPermitLapses() {
    PermitSize size = new PermitSize(50);
    assertThat(size.wanted()).isEqualTo(50);

    size.used(50, 10);
    assertThat(size.wanted()).isEqualTo(10);

    size.used(10, 0);
    assertThat(size.wanted()).as("at least one").isEqualTo(1);
  }

  @Test
  void asksForMoreWhenAllBegan() {
    PermitSize size = new PermitSize(50);
    size.used(50, 10);

    size.used(3, 3);
    assertThat(size.wanted()).as("there was not more to begin").isEqualTo(10);
    size.used(10, 10);
    assertThat(size.wanted()).isEqualTo(20);
    size.used(20, 20);
    size.used(40, 40);
    assertThat(size.wanted()).isEqualTo(50);
  }
}
