package dev.koyomi.runner.worker;

import dev.koyomi.crds.plan.RetryPolicy;
import dev.koyomi.runner.queue.JobFailure;
import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.queue.Slices;
import dev.koyomi.runner.unit.Ending;
import dev.koyomi.runner.unit.UnitTransaction;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** One attempt of one job, from its start in the log to its ending in the queue. */
final class Execution {
  private static final Logger LOG = LoggerFactory.getLogger(Execution.class);

  private final UnitTransaction transaction;
  private final Slices slices;
  private final RetryPolicy retry;
  private final RandomGenerator random;

  Execution(UnitTransaction transaction, Slices slices, RetryPolicy retry, RandomGenerator random) {
    this.transaction = transaction;
    this.slices = slices;
    this.retry = retry;
    this.random = random;
  }

  Ending run(Connection connection, LeasedSlice slice, int at) {
    try (var _ = MDC.putCloseable("key", slice.key(at));
        var _ = MDC.putCloseable("run", Long.toString(slice.run()))) {
      LOG.atDebug().addKeyValue("attempt", slice.attempt()).log("job started");
      Ending ending = transaction.run(connection, slice, at);
      return ending instanceof Ending.Failed failed
          ? record(connection, slice, at, failed)
          : logged(ending, slice);
    }
  }

  private Ending record(Connection connection, LeasedSlice slice, int at, Ending.Failed failed) {
    Optional<Duration> wait =
        failed.retryable()
            ? retry.waitAfter(
                failed.failure().errorClass(), slice.countedAttempt(), random.nextDouble())
            : Optional.empty();
    try {
      connection.setAutoCommit(true);
      slices.fail(connection, slice, at, failed.failure(), wait.orElse(null));
    } catch (SQLException e) {
      return Slices.FENCED.equals(e.getSQLState())
          ? new Ending.Fenced()
          : new Ending.Disconnected(e);
    }
    JobFailure failure = failed.failure();
    LOG.atWarn()
        .addKeyValue("attempt", slice.attempt())
        .addKeyValue("class", failure.errorClass())
        .addKeyValue("cause", failure.message())
        .addKeyValue("retryIn", wait.<Object>map(Duration::toString).orElse("never"))
        .log(wait.isPresent() ? "job failed and will be tried again" : "job needs attention");
    return failed;
  }

  private static Ending logged(Ending ending, LeasedSlice slice) {
    String text =
        switch (ending) {
          case Ending.Done _ -> "job done";
          case Ending.Skipped _ -> "job skipped";
          case Ending.Failed _ -> "job failed";
          case Ending.Fenced _ -> "job is no longer ours; nothing of it was committed here";
          case Ending.Disconnected _ -> "job interrupted: the database went away";
        };
    LOG.atDebug().addKeyValue("attempt", slice.attempt()).log(text);
    return ending;
  }
}
