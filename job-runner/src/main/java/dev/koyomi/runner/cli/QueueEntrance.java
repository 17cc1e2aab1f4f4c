package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.db.Fault;
import dev.koyomi.runner.db.Installation;
import dev.koyomi.runner.db.SchemaState;
import dev.koyomi.runner.queue.Batches;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What must be there before a process may work: the database, its schema, the right to work here,
 * the batch.
 */
final class QueueEntrance {
  private static final Logger LOG = LoggerFactory.getLogger(QueueEntrance.class);
  private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(2);

  private final Database database;
  private final BatchName batch;
  private final Installation installation;
  private final Stop stop;

  QueueEntrance(Database database, BatchName batch, Installation installation, Stop stop) {
    this.database = database;
    this.batch = batch;
    this.installation = installation;
    this.stop = stop;
  }

  private sealed interface Look {
    record Open(int batchId) implements Look {}

    record Closed(String sentence) implements Look {}
  }

  /** The batch's number in the queue; what is missing ends the command. */
  int now() {
    return switch (look()) {
      case Look.Open(int batchId) -> batchId;
      case Look.Closed(String sentence) -> throw new CommandProblem(ExitCode.TRY_AGAIN, sentence);
    };
  }

  /** The batch's number in the queue; what is missing is waited for, and said when it changes. */
  int await() throws InterruptedException {
    String said = "";
    while (true) {
      switch (look()) {
        case Look.Open(int batchId) -> {
          return batchId;
        }
        case Look.Closed(String sentence) -> {
          if (!sentence.equals(said)) {
            LOG.atWarn().addKeyValue("cause", sentence).log("waiting for the queue");
            said = sentence;
          }
        }
      }
      stop.await(BETWEEN_LOOKS);
      stop.yieldTo();
    }
  }

  private Look look() {
    try (Connection connection = database.dataSource().getConnection()) {
      SchemaState state = SchemaState.read(connection);
      if (!(state instanceof SchemaState.Current)) {
        return new Look.Closed(state.sentence());
      }
      Optional<String> refusal = installation.refusal(connection);
      if (refusal.isPresent()) {
        return new Look.Closed(refusal.get());
      }
      return new Batches(database.jdbi())
          .find(batch.toString())
          .<Look>map(found -> new Look.Open(found.id()))
          .orElseGet(
              () ->
                  new Look.Closed(
                      "The batch %s is not registered in this database: the operator does that, or `koyomi trigger` where the batch has a trigger."
                          .formatted(batch)));
    } catch (SQLException | RuntimeException failed) {
      Optional<Fault> fault = Fault.of(failed);
      if (fault.orElse(null) instanceof Fault.TryAgain(String sentence)) {
        return new Look.Closed(sentence);
      }
      throw new IllegalStateException("The queue cannot be looked at.", failed);
    }
  }
}
