package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Who of the idle slots looks for work. */
final class LookoutTest {
  private static final Duration LONG = Duration.ofHours(1);

  private final Lookout lookout = new Lookout(System::nanoTime);
  private final List<Thread> threads = new ArrayList<>();
  private final BlockingQueue<String> back = new LinkedBlockingQueue<>();

  @AfterEach
  void end() throws InterruptedException {
    lookout.close();
    for (Thread thread : threads) {
      assertThat(thread.join(Duration.ofSeconds(20))).isTrue();
    }
  }

  /** A slot that waits once; returns when it does. */
  private void waits(String name) {
    int before = lookout.idle();
    threads.add(
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    lookout.awaitNews(LONG, true);
                    back.add(name);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                }));
    while (lookout.idle() == before) {
      Thread.onSpinWait();
    }
  }

  private String next() throws InterruptedException {
    return String.valueOf(back.poll(20, TimeUnit.SECONDS));
  }

  @Test
  void eachCallHasOneSlotLookTheLastToComeFirst() throws Exception {
    waits("first");
    waits("second");
    waits("third");

    lookout.call();
    assertThat(next()).isEqualTo("third");
    assertThat(lookout.idle()).as("the others sleep on").isEqualTo(2);

    lookout.call();
    assertThat(next()).isEqualTo("second");
    waits("second again");
    lookout.call();
    assertThat(next()).isEqualTo("second again");
    lookout.call();
    assertThat(next()).isEqualTo("first");
  }

  @Test
  void aCallThatFindsNobodyIsNotForgotten() throws Exception {
    lookout.call();

    lookout.awaitNews(LONG, true);

    assertThat(lookout.idle()).isZero();
  }

  @Test
  void onlyTheScoutComesBackByItself() throws Exception {
    waits("sleeper");

    lookout.awaitNews(Duration.ofMillis(1), true);

    assertThat(back).isEmpty();
    assertThat(lookout.idle()).isEqualTo(1);
  }

  @Test
  void newsAreForEverybody() throws Exception {
    waits("first");
    waits("second");

    lookout.announce();

    assertThat(List.of(next(), next())).containsExactlyInAnyOrder("first", "second");
    assertThat(lookout.idle()).isZero();
  }
}
