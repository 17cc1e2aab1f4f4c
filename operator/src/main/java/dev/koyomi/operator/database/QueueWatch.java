package dev.koyomi.operator.database;

import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.status.Observed;
import dev.koyomi.operator.status.Pace;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Looks at one database's queue for all batches in it, and tells what changed. */
final class QueueWatch implements BatchQueue {
  private static final Logger log = LoggerFactory.getLogger(QueueWatch.class);

  private final DatabaseAddress address;
  private final QueueClient client;
  private final Optional<String> installation;
  private final InstantSource clock;
  private final Consumer<BatchName> changed;
  private final Set<BatchName> batches = ConcurrentHashMap.newKeySet();
  private final Map<BatchName, Pace.Told> told = new ConcurrentHashMap<>();
  private final Map<BatchName, Registration> registered = new ConcurrentHashMap<>();
  private volatile @Nullable QueueState state;

  QueueWatch(
      DatabaseAddress address,
      QueueClient client,
      Optional<String> installation,
      InstantSource clock,
      Consumer<BatchName> changed) {
    this.address = address;
    this.client = client;
    this.installation = installation;
    this.clock = clock;
    this.changed = changed;
  }

  void add(BatchName batch) {
    batches.add(batch);
  }

  void remove(BatchName batch) {
    batches.remove(batch);
    told.remove(batch);
    registered.remove(batch);
  }

  boolean idle() {
    return batches.isEmpty();
  }

  Set<BatchName> batches() {
    return Set.copyOf(batches);
  }

  DatabaseAddress address() {
    return address;
  }

  /** One look. */
  void runOnce() {
    QueueState now;
    try {
      now = stateOf(client.schema());
      if (now instanceof QueueState.Working) {
        client.sweep();
        take(client.look(Set.copyOf(batches)));
      }
    } catch (QueueProblem e) {
      now = new QueueState.Unreachable(e.reason(), String.valueOf(e.getMessage()));
    }
    become(now);
  }

  /** The look ended in a way that nobody thought of; the log says how. */
  void lookFailed() {
    become(
        new QueueState.Unreachable(
            "LookFailed",
            "Looking at the queue in %s failed; the operator's log says why.".formatted(address)));
  }

  private void become(QueueState now) {
    if (!now.equals(state)) {
      state = now;
      report(now);
      batches.forEach(changed);
    }
  }

  private QueueState stateOf(QueueClient.Schema schema) throws QueueProblem {
    Optional<String> owner = schema.installation();
    if (owner.isPresent() && !owner.equals(installation)) {
      return foreign(owner.get());
    }
    if (schema.version() < SchemaVersion.CURRENT) {
      return new QueueState.Behind(schema.version());
    }
    if (schema.oldest() > SchemaVersion.CURRENT) {
      return new QueueState.Ahead(schema.version());
    }
    if (owner.isEmpty() && installation.isPresent()) {
      String winner = client.claim(installation.get());
      return winner.equals(installation.get()) ? new QueueState.Working() : foreign(winner);
    }
    return new QueueState.Working();
  }

  private QueueState foreign(String owner) {
    return new QueueState.Foreign(
        "The queue in %s belongs to the installation %s, and this one is %s: name another database in spec.database.secretName, or, when nothing of the other one runs any more, move the queue with `koyomi migrate --adopt %s`."
            .formatted(
                address, owner, installation.orElse("without a name"), installation.orElse("ID")));
  }

  private void report(QueueState now) {
    switch (now) {
      case QueueState.Unreachable(String _, String message) -> log.warn("{}", message);
      case QueueState.Foreign(String message) -> log.warn("{}", message);
      case QueueState.Working() -> log.info("The queue in {} answers", address);
      case QueueState.Behind(int version) ->
          log.info("The queue in {} has schema version {}, too old", address, version);
      case QueueState.Ahead(int version) ->
          log.warn("The queue in {} has schema version {}, too new", address, version);
    }
  }

  private void take(Map<BatchName, Observed> seen) {
    for (BatchName batch : batches) {
      Observed observed = seen.get(batch);
      if (observed == null) {
        // Not known there, though we registered it: the database was put back to an earlier day.
        if (registered.remove(batch) != null) {
          changed.accept(batch);
        }
      } else if (Pace.due(Optional.ofNullable(told.get(batch)), observed, clock.instant())) {
        told.put(batch, new Pace.Told(observed, clock.instant()));
        changed.accept(batch);
      }
    }
  }

  @Override
  public QueueState state() {
    QueueState seen = state;
    if (seen == null) {
      throw new IllegalStateException("The queue has not been looked at.");
    }
    return seen;
  }

  @Override
  public Optional<Observed> observed(BatchName batch) {
    return Optional.ofNullable(told.get(batch)).map(Pace.Told::observed);
  }

  @Override
  public void register(Registration registration) throws QueueProblem {
    if (!registration.equals(registered.get(registration.batch()))) {
      client.register(registration);
      registered.put(registration.batch(), registration);
    }
  }

  void close() {
    client.close();
  }
}
