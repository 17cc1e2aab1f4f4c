package dev.koyomi.bench.contender;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerClient;
import com.github.kagkarlsson.scheduler.jdbc.PostgreSqlJdbcCustomization;
import com.github.kagkarlsson.scheduler.serializer.JacksonSerializer;
import com.github.kagkarlsson.scheduler.task.TaskInstance;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** db-scheduler: one-time tasks, fetched and locked by one statement. */
final class DbScheduler implements Contender {
  private static final int THREADS = 32;
  private static final int SPARE_CONNECTIONS = 4;
  private static final int BATCH = 5_000;
  private static final double FETCH_BELOW = 4;
  private static final double FETCH_UP_TO = 20;
  private static final Duration POLL = Duration.ofMillis(100);

  /** Its table for PostgreSQL; priorities are off, so their index is left out. */
  private static final String SCHEMA =
      """
      create table scheduled_tasks (
        task_name text not null,
        task_instance text not null,
        task_data bytea,
        execution_time timestamptz not null,
        picked boolean not null,
        picked_by text,
        last_success timestamptz,
        last_failure timestamptz,
        consecutive_failures int,
        last_heartbeat timestamptz,
        version bigint not null,
        priority smallint,
        state text,
        primary key (task_name, task_instance));
      create index execution_time_idx on scheduled_tasks (execution_time);
      create index last_heartbeat_idx on scheduled_tasks (last_heartbeat)
      """;

  /** What a task carries. */
  record Payload(int subscriptionId, String billingDate) {}

  private final DatabaseAddress database;
  private final HikariDataSource clients;
  private final SchedulerClient client;

  private DbScheduler(DatabaseAddress database, HikariDataSource clients) {
    this.database = database;
    this.clients = clients;
    this.client =
        SchedulerClient.Builder.create(clients, task(_ -> {}))
            .serializer(new JacksonSerializer())
            .build();
  }

  static DbScheduler prepare(DatabaseAddress database) throws SQLException {
    HikariDataSource clients = Pools.full(database, CLIENTS, true);
    Pools.execute(clients, SCHEMA);
    return new DbScheduler(database, clients);
  }

  private interface Handler {
    void run(int id) throws SQLException;
  }

  private static OneTimeTask<Payload> task(Handler handler) {
    return Tasks.oneTime("invoice", Payload.class)
        .execute(
            (instance, _) -> {
              try {
                handler.run(instance.getData().subscriptionId());
              } catch (SQLException failed) {
                throw new IllegalStateException(failed);
              }
            });
  }

  private static TaskInstance<Payload> instance(int id) {
    return new TaskInstance<>("invoice", Integer.toString(id), new Payload(id, BILLING_DATE));
  }

  @Override
  public void enqueueAll(int jobs) {
    for (int from = 1; from <= jobs; from += BATCH) {
      List<TaskInstance<?>> batch = new ArrayList<>(BATCH);
      for (int id = from; id < Math.min(from + BATCH, jobs + 1); id++) {
        batch.add(instance(id));
      }
      client.scheduleBatch(batch, Instant.now());
    }
  }

  @Override
  public void enqueueOne(int id) {
    client.scheduleIfNotExists(instance(id), Instant.now());
  }

  @Override
  public int connections() {
    return THREADS;
  }

  @Override
  public Workers start(Unit unit) throws SQLException {
    HikariDataSource connections = Pools.full(database, THREADS + SPARE_CONNECTIONS, true);
    Scheduler scheduler =
        Scheduler.create(connections, task(unit::run))
            .threads(THREADS)
            .pollUsingLockAndFetch(FETCH_BELOW, FETCH_UP_TO)
            .jdbcCustomization(new PostgreSqlJdbcCustomization(false, false))
            .pollingInterval(POLL)
            .serializer(new JacksonSerializer())
            .build();
    scheduler.start();
    return () -> {
      scheduler.stop();
      connections.close();
    };
  }

  @Override
  public long left() throws SQLException {
    return Pools.number(clients, "select count(*) from scheduled_tasks");
  }

  @Override
  public void close() {
    clients.close();
  }
}
