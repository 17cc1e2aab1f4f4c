package dev.koyomi.runner.worker;

import java.time.Duration;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends Units that hang: beyond their time and some grace their statement is cancelled, then their
 * thread interrupted; when that does not help either, the process must end.
 */
final class Watchdog {
  private static final Logger LOG = LoggerFactory.getLogger(Watchdog.class);

  private final List<Watched> slots;
  private final Duration longest;
  private final Duration grace;
  private final Runnable giveUp;
  private final LongSupplier nanoTime;

  private enum Step {
    None,
    Cancelled,
    Interrupted,
    GaveUp
  }

  /** A slot and how far things went with it. */
  private static final class Watched {
    private final Slot slot;
    private final int number;
    private Step step = Step.None;
    private long stepAt;

    private Watched(Slot slot, int number) {
      this.slot = slot;
      this.number = number;
    }
  }

  /**
   * @param longest within which a slot has moved
   * @param grace between two steps
   * @param giveUp called when a slot does not come back
   */
  Watchdog(
      List<Slot> slots, Duration longest, Duration grace, Runnable giveUp, LongSupplier nanoTime) {
    this.slots =
        IntStream.range(0, slots.size()).mapToObj(i -> new Watched(slots.get(i), i + 1)).toList();
    this.longest = longest;
    this.grace = grace;
    this.giveUp = giveUp;
    this.nanoTime = nanoTime;
  }

  /** Looks at every slot once. */
  void look() {
    slots.forEach(this::look);
  }

  private void look(Watched watched) {
    if (watched.slot.movedWithin(longest.plus(grace))) {
      watched.step = Step.None;
      return;
    }
    long now = nanoTime.getAsLong();
    if (watched.step != Step.None && now - watched.stepAt < grace.toNanos()) {
      return;
    }
    watched.stepAt = now;
    watched.step =
        switch (watched.step) {
          case None -> {
            say(watched, "a Unit is over its time: its statement is cancelled");
            watched.slot.cancelStatement();
            yield Step.Cancelled;
          }
          case Cancelled -> {
            say(watched, "a Unit is over its time: its thread is interrupted");
            watched.slot.interrupt();
            yield Step.Interrupted;
          }
          case Interrupted -> {
            say(watched, "a Unit cannot be ended: this process gives its other jobs back and ends");
            giveUp.run();
            yield Step.GaveUp;
          }
          case GaveUp -> Step.GaveUp;
        };
  }

  private static void say(Watched watched, String what) {
    LOG.atWarn().addKeyValue("slot", watched.number).log(what);
  }
}
