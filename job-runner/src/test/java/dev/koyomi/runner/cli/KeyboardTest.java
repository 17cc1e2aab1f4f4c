package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class KeyboardTest {
  /** Such as a script, a CronJob, and this process. */
  @Test
  void knowsThatNobodySitsWhereThereIsNoTerminal() {
    assertThat(Keyboard.real().person()).isFalse();
  }
}
