package dev.koyomi.operator.database;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.status.Observed;
import java.util.Map;
import java.util.Set;

/** The queue in one database, as far as the operator uses it: it never writes jobs. */
public interface QueueClient extends AutoCloseable {
  /** Version of the schema; 0 when there is none. */
  int schemaVersion() throws QueueProblem;

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
