package dev.koyomi.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.koyomi.operator.database.JdbcQueueClient;
import dev.koyomi.operator.testing.ApiServer;
import dev.koyomi.operator.testing.Manifests;
import dev.koyomi.operator.testing.Room;
import dev.koyomi.runner.testing.TestDatabase;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The operator between a real API server and a real queue. */
@ExtendWith(ApiServer.Needed.class)
final class QueueOnApiServerTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @Test
  void registersAndTellsTheLastRun() throws Exception {
    try (ApiServer server = new ApiServer();
        Room room = new Room(server)) {
      room.secret(
          "koyomi-database",
          Map.of(
              "jdbc-uri", database.address().jdbcUrl(),
              "username", database.address().username(),
              "password", database.address().password()));
      room.start(JdbcQueueClient::connect);
      room.create(Manifests.invoices());
      room.awaitStatus("invoices", Applied::yes);
      assertThat(text("select string_agg(name, ' ' order by name) from koyomi.entry"))
          .isEqualTo("monthly nightly");
      String watermark = text("select watermark::text from koyomi.entry where name = 'nightly'");
      room.edit(
          "invoices",
          spec -> ((ObjectNode) spec.path("schedules").get(1)).put("cron", "0 6 1 * *"));
      room.awaitStatus(
          "invoices",
          status -> status.path("observedGeneration").asLong() == 2 && Applied.yes(status));
      assertThat(text("select cron from koyomi.entry where name = 'monthly'"))
          .isEqualTo("0 6 1 * *");
      assertThat(text("select watermark::text from koyomi.entry where name = 'nightly'"))
          .isEqualTo(watermark);
      database
          .jdbi()
          .useHandle(
              handle ->
                  handle.execute(
                      """
                      insert into koyomi.run (batch_id, occurrence, logical_date, revision, state, reason, message, exclusive,
                          select_timeout, selected, duplicates, created_at, dispatched_at, ended_at)
                      select id, '2026-10-31T16:00Z', '2026-11-01', 'x', 'Succeeded', 'NoTargets', 'the trigger selected no target',
                          true, '10 min', 0, 0, koyomi.now(), koyomi.now(), koyomi.now()
                      from koyomi.batch
                      """));
      JsonNode run = room.awaitStatus("invoices", status -> status.has("lastRun")).path("lastRun");
      assertThat(run.path("state").asText()).isEqualTo("Succeeded");
      assertThat(run.path("occurrence").asText()).isEqualTo("2026-10-31T16:00:00Z");
      assertThat(run.path("reason").asText()).isEqualTo("the trigger selected no target");
      room.batches("invoices").delete();
      assertThat(text("select count(*)::text from koyomi.run")).as("history stays").isEqualTo("1");
    }
  }

  private static String text(String sql) {
    return database.jdbi().withHandle(handle -> handle.createQuery(sql).mapTo(String.class).one());
  }
}
