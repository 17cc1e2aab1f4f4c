package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.Rival;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A process without a heart would wait for ever, and be taken for alive. */
final class HeartDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static Heart heart(Runnable tick) {
    return heart(_ -> {}, Duration.ofMillis(20), tick);
  }

  private static Heart heart(Heart.Duty duty, Duration atMost, Runnable tick) {
    Billing billing = Billing.with(DATABASE, 1);
    return new Heart(
        DATABASE.database(),
        new Membership(
            new Workers(DATABASE.jdbi()),
            "pod",
            billing.batchId(),
            new Hindrance(Duration.ofMinutes(1), System::nanoTime)),
        duty,
        billing.batchId(),
        new Lookout(System::nanoTime),
        atMost,
        tick,
        System::nanoTime);
  }

  @Test
  void goesOnAfterASurprise() throws Exception {
    AtomicInteger ticks = new AtomicInteger();
    CountDownLatch more = new CountDownLatch(2);
    try (Heart heart =
        heart(
            () -> {
              more.countDown();
              if (ticks.getAndIncrement() == 0) {
                throw new IllegalStateException("a surprise");
              }
            })) {
      heart.start();
      assertThat(more.await(20, TimeUnit.SECONDS)).as("it ticks once more").isTrue();
      assertThat(heart.stopped()).isFalse();
    }
  }

  @Test
  void closesItsSessionWhenItCannotBegin() throws Exception {
    AtomicReference<Connection> session = new AtomicReference<>();
    try (Heart heart =
        heart(
            on -> {
              session.set(on);
              throw new SQLException("not now");
            },
            Duration.ofHours(1),
            () -> {})) {
      assertThatThrownBy(heart::start).hasMessage("not now");
      assertThat(session.get().isClosed()).isTrue();
    }
  }

  @Test
  void beatsAsOftenAsTheQueueWants() throws Exception {
    CountDownLatch beats = new CountDownLatch(3);
    try (Heart heart = heart(_ -> beats.countDown(), Duration.ofHours(1), () -> {})) {
      beatEvery("20 milliseconds");
      heart.start();
      assertThat(beats.await(20, TimeUnit.SECONDS)).isTrue();
    } finally {
      beatEvery("5 seconds");
    }
  }

  @Test
  void whoHasASessionIsNotGone() throws Exception {
    CountDownLatch ticked = new CountDownLatch(1);
    try (Heart heart = heart(ticked::countDown)) {
      heart.start();
      assertThat(ticked.await(20, TimeUnit.SECONDS)).isTrue();
      Workers workers = new Workers(DATABASE.jdbi());
      long killed = workers.join("killed", Workers.Kind.Worker, 1);
      long trigger = workers.join("killed", Workers.Kind.Trigger, 1);

      workers.declareGoneLost();

      List<Long> lost =
          DATABASE
              .jdbi()
              .withHandle(
                  handle ->
                      handle
                          .createQuery(
                              "select id from koyomi.worker where lost_at is not null order by id")
                          .mapTo(Long.class)
                          .list());
      assertThat(lost).containsExactly(killed, trigger);
    }
  }

  private static void beatEvery(String interval) {
    DATABASE
        .jdbi()
        .useHandle(
            handle -> handle.execute("update koyomi.meta set beat_every = ?::interval", interval));
  }

  @Test
  void saysThatItHasStopped() throws Exception {
    try (Heart heart =
        heart(
            () -> {
              throw new AssertionError("worse than a surprise");
            })) {
      heart.start();
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (!heart.stopped()) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.onSpinWait();
      }
    }
  }

  /** Else it would still sweep, under locks, when the process has left. */
  @Test
  void itsEndWaitsForTheBeatUnderWay() throws Exception {
    Heart heart = heart(() -> {});
    heart.start();
    Thread closing = Thread.ofPlatform().unstarted(heart::close);
    try (Rival rival = new Rival(DATABASE.dataSource())) {
      rival.inOpenTransaction(
          open -> open.createStatement().execute("lock table koyomi.worker in exclusive mode"));
      rival.awaitWaiter();
      closing.start();
      while (closing.getState() == Thread.State.NEW
          || closing.getState() == Thread.State.RUNNABLE) {
        Thread.onSpinWait();
      }
      assertThat(closing.getState()).isEqualTo(Thread.State.TIMED_WAITING);
      rival.commit();
    }
    assertThat(closing.join(Duration.ofSeconds(20))).isTrue();
  }
}
