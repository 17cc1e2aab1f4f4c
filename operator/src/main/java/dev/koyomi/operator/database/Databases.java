package dev.koyomi.operator.database;

import dev.koyomi.crds.plan.BatchName;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** All databases that batches name, each with one loop that looks at it. */
public final class Databases implements AutoCloseable {
  private final QueueClient.Connector connector;
  private final Optional<String> installation;
  private final Duration interval;
  private final InstantSource clock;
  private final Consumer<BatchName> changed;
  private final Predicate<BatchName> exists;
  private final Map<DatabaseAddress, QueueLoop> loops = new HashMap<>();

  /**
   * Starts empty.
   *
   * @param installation whose queues these must be; empty: nobody's
   * @param changed told when there is something new about a batch
   * @param exists whether the batch still exists; a database that none needs is let go
   */
  public Databases(
      QueueClient.Connector connector,
      Optional<String> installation,
      Duration interval,
      InstantSource clock,
      Consumer<BatchName> changed,
      Predicate<BatchName> exists) {
    this.connector = connector;
    this.installation = installation;
    this.interval = interval;
    this.clock = clock;
    this.changed = changed;
    this.exists = exists;
  }

  /** The queue of the batch, looked at once at least; the batch leaves the one that it was in. */
  public BatchQueue attach(BatchName batch, DatabaseAddress address) throws InterruptedException {
    QueueLoop loop;
    synchronized (this) {
      loops.values().stream()
          .filter(other -> !other.watch().address().equals(address))
          .forEach(other -> other.watch().remove(batch));
      loop = loops.computeIfAbsent(address, this::start);
      loop.watch().add(batch);
    }
    loop.awaitFirstLook();
    return loop.watch();
  }

  /** The queue that the batch is attached to. */
  public synchronized Optional<BatchQueue> of(BatchName batch) {
    return loops.values().stream()
        .map(QueueLoop::watch)
        .filter(watch -> watch.batches().contains(batch))
        .map(BatchQueue.class::cast)
        .findFirst();
  }

  /** The batch has no database now. */
  public synchronized void detach(BatchName batch) {
    loops.values().forEach(loop -> loop.watch().remove(batch));
  }

  private QueueLoop start(DatabaseAddress address) {
    QueueWatch watch =
        new QueueWatch(address, connector.connect(address), installation, clock, changed);
    QueueLoop loop = new QueueLoop(watch, interval, this::stillNeeded);
    loop.start();
    return loop;
  }

  private synchronized boolean stillNeeded(QueueLoop loop) {
    QueueWatch watch = loop.watch();
    watch.batches().stream().filter(exists.negate()).forEach(watch::remove);
    if (!watch.idle()) {
      return true;
    }
    loops.remove(watch.address(), loop);
    return false;
  }

  @Override
  public synchronized void close() {
    loops.values().forEach(QueueLoop::close);
    loops.clear();
  }
}
