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
    assertThat(run.message()).contains("spec.trigger.sql").contains("stattus");
  }

  @Test
  void aUnitWithAParameterThatTheTriggerDoesNotSelectFailsItsRun(Room room) throws IOException {
    Database.Run run =
        failed(
            room,
            """
            spec: {trigger: {sql: "SELECT id AS key, id AS \\"subscriptionId\\" FROM subscription WHERE status = 'active'"}}
            """);
    assertThat(run.message()).contains(":billingDate");
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
