package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class HindranceTest {
  private final AtomicLong clock = new AtomicLong();
  private final Hindrance hindrance = new Hindrance(Duration.ofSeconds(30), clock::get);

  @Test
  void isToldOfUntilAUnitGetsThrough() {
    assertThat(hindrance.what()).isNull();

    hindrance.met("no rates");
    assertThat(hindrance.what()).isEqualTo("no rates");

    hindrance.gone();
    assertThat(hindrance.what()).isNull();
  }

  /** Another process may have worked what is left. */
  @Test
  void isForgottenWhenItIsNotMetAgain() {
    hindrance.met("no rates");
    clock.addAndGet(Duration.ofSeconds(30).toNanos());
    assertThat(hindrance.what()).isEqualTo("no rates");

    clock.incrementAndGet();
    assertThat(hindrance.what()).isNull();
  }
}
