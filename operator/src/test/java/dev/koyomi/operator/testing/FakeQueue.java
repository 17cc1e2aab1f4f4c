package dev.koyomi.operator.testing;

import dev.koyomi.crds.BatchScheduleStatus.LastRun;
import dev.koyomi.crds.BatchScheduleStatus.Queue;
import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.database.DatabaseAddress;
import dev.koyomi.operator.database.QueueClient;
import dev.koyomi.operator.database.QueueProblem;
import dev.koyomi.operator.database.Registration;
import dev.koyomi.operator.status.Observed;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A queue in memory that does what the test says. */
public final class FakeQueue implements QueueClient, QueueClient.Connector {
  private final Map<BatchName, Observed> batches = new ConcurrentHashMap<>();
  private final List<Registration> registrations = new CopyOnWriteArrayList<>();
  private final List<DatabaseAddress> connected = new CopyOnWriteArrayList<>();
  private volatile int version = SchemaVersion.CURRENT;
  private volatile @Nullable String away;
  private volatile @Nullable String owner;
  private volatile @Nullable String refusing;
  private volatile Consumer<Registration> onRegister = registration -> {};
  private volatile boolean failNext;
  private volatile Runnable onClose = () -> {};

  @Override
  public QueueClient connect(DatabaseAddress address) {
    connected.add(address);
    return this;
  }

  public void schemaIs(int newVersion) {
    version = newVersion;
  }

  /** The database is away until {@link #comeBack()}. */
  public void goAway() {
    away = "The database db:5432/app does not answer: connection refused.";
  }

  public void comeBack() {
    away = null;
  }

  /** The next look ends in an exception that is none of a database's. */
  public void failNextLook() {
    failNext = true;
  }

  /** Called in each registration, before it counts. */
  public void onRegister(Consumer<Registration> action) {
    onRegister = action;
  }

  /** The newest run of the batch is this one. */
  public void runIs(BatchName batch, long id, String state, long succeeded) {
    LastRun shown =
        new LastRun("2026-10-31T16:00:00Z", "2026-11-01", state, null, 10L, succeeded, 0L, 0L);
    batches.put(
        batch,
        new Observed(
            Optional.of(new Observed.Run(id, 1, shown)), new Queue(10 - succeeded, 0L, 0L, 0L)));
  }

  /** The database was put back to a day on which it knew no batch. */
  public void forgetAll() {
    batches.clear();
    registrations.clear();
  }

  public List<Registration> registrations() {
    return List.copyOf(registrations);
  }

  public List<DatabaseAddress> connected() {
    return List.copyOf(connected);
  }

  /** Called when the operator lets the database go. */
  public void onClose(Runnable action) {
    onClose = action;
  }

  private void answer() throws QueueProblem {
    String why = away;
    if (why != null) {
      throw new QueueProblem("DatabaseUnreachable", why);
    }
  }

  @Override
  public Schema schema() throws QueueProblem {
    answer();
    if (failNext) {
      failNext = false;
      throw new IllegalStateException("nobody thought of this");
    }
    return new Schema(version, version, Optional.ofNullable(owner));
  }

  @Override
  public String claim(String installation) throws QueueProblem {
    answer();
    String before = owner;
    owner = before == null ? installation : before;
    return owner;
  }

  /** Whose the queue is; null: nobody's. */
  public void belongTo(@Nullable String installation) {
    owner = installation;
  }

  public @Nullable String owner() {
    return owner;
  }

  /** A change of the batch's order is refused with this sentence, while it is one. */
  public void refuseRegistration(@Nullable String sentence) {
    refusing = sentence;
  }

  @Override
  public void register(Registration registration) throws QueueProblem {
    answer();
    onRegister.accept(registration);
    String sentence = refusing;
    if (sentence != null) {
      throw QueueProblem.orderRefused(sentence);
    }
    registrations.add(registration);
    batches.putIfAbsent(
        registration.batch(), new Observed(Optional.empty(), new Queue(0L, 0L, 0L, 0L)));
  }

  @Override
  public void sweep() throws QueueProblem {
    answer();
  }

  @Override
  public Map<BatchName, Observed> look(Set<BatchName> asked) throws QueueProblem {
    answer();
    Map<BatchName, Observed> seen = new HashMap<>(batches);
    seen.keySet().retainAll(asked);
    return seen;
  }

  @Override
  public void close() {
    onClose.run();
  }
}
