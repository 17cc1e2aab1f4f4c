package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What only the database knows ends as a failed run, with a sentence, and is not tried again. */
@ExtendWith(OnCluster.class)
@Execution(ExecutionMode.CONCURRENT)
final class WrongSqlTest {

  @Test
  void aTriggerWithAnUnknownColumnFailsItsRun(Room room) throws IOException {
    Database.Run run =
        failed(
            room,
            """
            spec: {trigger: {sql: "SELECT id AS key, id AS \\"subscriptionId\\", :logicalDate AS \\"billingDate\\" FROM subscription WHERE stattus = 'active'"}}
            """);
    assertThat(run.message())
        .isEqualTo(
            "spec.trigger.sql: column \"stattus\" does not exist. Perhaps you meant to reference"
                + " the column \"subscription.status\".");
  }

  @Test
  void aUnitWithAParameterThatTheTriggerDoesNotSelectFailsItsRun(Room room) throws IOException {
    Database.Run run =
        failed(
            room,
            """
            spec: {trigger: {sql: "SELECT id AS key, id AS \\"subscriptionId\\" FROM subscription WHERE status = 'active'"}}
            """);
    assertThat(run.message())
        .isEqualTo(
            "spec.unit.sql: billingDate has no column of that name in spec.trigger.sql beside"
                + " \"key\" (there are: subscriptionId): select it there, or take it out of the"
                + " Unit.");
  }

  private static Database.Run failed(Room room, String over) throws IOException {
    Billing unguarded = Billing.unguarded(room);
    Billing billing = new Billing(room, unguarded.manifest().with(over)).applied();
    var job = room.fire(billing.manifest().cronJob(), Billing.thisMinute());
    Room.eventually()
        .alias("the Job fails at once: another try would not help")
        .until(() -> Integer.valueOf(1).equals(status(room, job.getMetadata().getName())));
    Database.Run run = room.database().run();
    assertThat(run.state()).as("%s", run).isEqualTo("Failed");
    assertThat(room.database().invoices()).isZero();
    return run;
  }

  private static Integer status(Room room, String job) {
    return room.job(job).require().getStatus().getFailed();
  }
}
