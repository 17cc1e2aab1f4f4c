package dev.koyomi.operator.database;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.status.Observed;
import java.util.Optional;

/** The queue of a batch, as it was seen last. */
public interface BatchQueue {
  /** How the last look went. */
  QueueState state();

  /** What it says of the batch; empty when it does not know it. */
  Optional<Observed> observed(BatchName batch);

  /** Makes the batch known, once for each change of it. */
  void register(Registration registration) throws QueueProblem;
}
