package dev.koyomi.runner.worker;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Limits;
import dev.koyomi.runner.queue.Upkeep;
import dev.koyomi.runner.queue.Workers;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker's own connection beside those of its slots: says as often as the queue wants, five
 * seconds as it is made, that it lives and sweeps, and in between hears of new work.
 */
final class Heart implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Heart.class);

  /** What it does besides, this often. */
  static final Duration TICK = Duration.ofSeconds(1);

  private static final Duration RECONNECT = Duration.ofSeconds(1);

  /** How long its end waits for a beat that is under way. */
  private static final Duration LAST_BEAT = Duration.ofSeconds(2);

  /** What is done at each beat besides. */
  interface Duty {
    void on(Connection connection) throws SQLException;
  }

  private final Database database;
  private final Membership membership;
  private final Duty duty;
  private final int batchId;
  private final Lookout lookout;
  private final Runnable tick;
  private final LongSupplier nanoTime;
  private final Duration atMost;
  private final Thread thread;
  private final ReentrantLock beating = new ReentrantLock();
  private @Nullable Connection connection;
  private volatile boolean closed;
  private Duration interval;
  private long beatAt;
  private long shownId;

  /**
   * @param atMost between two beats, where the queue would have more
   */
  Heart(
      Database database,
      Membership membership,
      Duty duty,
      int batchId,
      Lookout lookout,
      Duration atMost,
      Runnable tick,
      LongSupplier nanoTime) {
    this.database = database;
    this.membership = membership;
    this.duty = duty;
    this.batchId = batchId;
    this.lookout = lookout;
    this.atMost = atMost;
    this.interval = atMost;
    this.tick = tick;
    this.nanoTime = nanoTime;
    this.thread = Thread.ofPlatform().name("heart").daemon().unstarted(this::run);
  }

  /** Joins the queue, sweeps once and begins to beat. */
  void start() throws SQLException {
    Connection opened = connect();
    connection = opened;
    try {
      membership.join(opened);
      beat(opened);
    } catch (SQLException | RuntimeException e) {
      disconnect();
      throw e;
    }
    thread.start();
  }

  private Connection connect() throws SQLException {
    Connection opened = database.own("koyomi worker heart", Limits.HEARTBEAT);
    shownId = 0;
    try (Statement statement = opened.createStatement()) {
      interval = Collections.min(List.of(atMost, Workers.beatEvery(opened)));
      statement.execute("listen koyomi_" + batchId);
      return opened;
    } catch (SQLException e) {
      opened.close();
      throw e;
    }
  }

  /** Tells the server which worker this is; its number is another one after it was lost. */
  private void introduce(Connection on) throws SQLException {
    long id = membership.id();
    if (id != shownId) {
      on.setClientInfo("ApplicationName", "koyomi worker %d heart".formatted(id));
      shownId = id;
    }
  }

  private void beat(Connection on) throws SQLException {
    beating.lock();
    try {
      if (closed) {
        return;
      }
      introduce(on);
      membership.beat(on, lookout.idle());
      // The next one is not to wait for what follows.
      beatAt = nanoTime.getAsLong();
      introduce(on);
      duty.on(on);
      Upkeep.sweep(on);
    } finally {
      beating.unlock();
    }
  }

  private void run() {
    while (!closed) {
      try {
        listenAndBeat();
        tick.run();
      } catch (RuntimeException e) {
        // Without its heart the process would wait for ever, and be taken for alive.
        LOG.atError().setCause(e).log("the heart failed in a way nobody foresaw; it goes on");
        disconnect();
        sleep();
      }
    }
    disconnect();
  }

  private void listenAndBeat() {
    try {
      @Nullable Connection present = connection;
      if (present == null) {
        present = connect();
        connection = present;
        lookout.call();
      }
      listen(present);
      if (nanoTime.getAsLong() - beatAt >= interval.toNanos()) {
        beat(present);
      }
    } catch (SQLException e) {
      // The slots say that the database is away; nobody is declared lost meanwhile, for the beats
      // stand still too.
      LOG.atDebug().setCause(e).log("a beat failed; the connection is made anew");
      disconnect();
      sleep();
    }
  }

  /** Whether its thread ended by itself: nobody says any more that the process lives. */
  boolean stopped() {
    return !closed && thread.getState() == Thread.State.TERMINATED;
  }

  private void listen(Connection on) throws SQLException {
    PGNotification[] notifications =
        on.unwrap(PGConnection.class)
            .getNotifications((int) Math.min(TICK.toMillis(), interval.toMillis()));
    if (notifications != null && notifications.length > 0) {
      for (PGNotification notification : notifications) {
        if (!notification.getParameter().isEmpty()) {
          lookout.lookAgain();
        }
      }
      lookout.call();
    }
  }

  private void disconnect() {
    @Nullable Connection present = connection;
    connection = null;
    if (present != null) {
      try {
        present.close();
      } catch (SQLException e) {
        LOG.atDebug().setCause(e).log("closing a broken connection");
      }
    }
  }

  private void sleep() {
    try {
      lookout.awaitClose(RECONNECT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      closed = true;
    }
  }

  /** Ends it; a beat under way is waited for, so that a process that left touches nothing more. */
  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    try {
      if (beating.tryLock(LAST_BEAT.toMillis(), TimeUnit.MILLISECONDS)) {
        beating.unlock();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
