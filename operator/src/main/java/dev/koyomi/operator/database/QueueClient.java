package dev.koyomi.operator.database;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.status.Observed;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The queue in one database, as far as the operator uses it: it never writes jobs. */
public interface QueueClient extends AutoCloseable {
  /** What is there to work with. */
  Schema schema() throws QueueProblem;

  /** Takes a queue that belongs to nobody; returns whose it is now. */
  String claim(String installation) throws QueueProblem;

  /**
   * The queue's schema.
   *
   * @param version 0 when there is none
   * @param oldest what a release must know at least to work with it
   * @param installation whose it is; empty: nobody's yet
   */
  record Schema(int version, int oldest, Optional<String> installation) {
    /** None is there. */
    static final Schema NONE = new Schema(0, 0, Optional.empty());
  }

  /** Makes a batch known; an older generation than the known one changes nothing. */
  void register(Registration registration) throws QueueProblem;

  /** Upkeep that must not wait for a worker that is not there. */
  void sweep() throws QueueProblem;

  /** What the queue says of these batches; those that it does not know are left out. */
  Map<BatchName, Observed> look(Set<BatchName> batches) throws QueueProblem;

  @Override
  void close();

  /** Makes clients. */
  interface Connector {
    QueueClient connect(DatabaseAddress address);
  }
}
