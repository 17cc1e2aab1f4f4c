package dev.koyomi.bench.contender;

import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.SQLException;
import java.time.Duration;
import java.util.stream.IntStream;
import org.jobrunr.jobs.lambdas.JobRequest;
import org.jobrunr.jobs.lambdas.JobRequestHandler;
import org.jobrunr.jobs.mappers.JobMapper;
import org.jobrunr.scheduling.JobRequestScheduler;
import org.jobrunr.server.BackgroundJobServer;
import org.jobrunr.server.BackgroundJobServerConfiguration;
import org.jobrunr.server.JobActivator;
import org.jobrunr.storage.StorageProvider;
import org.jobrunr.storage.sql.postgres.PostgresStorageProvider;
import org.jobrunr.utils.mapper.jackson.JacksonJsonMapper;

/** JobRunr: job requests, done by one background job server. */
final class JobRunr implements Contender {
  /** Virtual threads. */
  private static final int WORKERS = 128;

  private static final int CONNECTIONS = 32;

  /** Less is refused for a store in SQL. */
  private static final Duration POLL = Duration.ofSeconds(5);

  /** What a job carries. */
  public record Payload(int subscriptionId, String billingDate) implements JobRequest {
    static Payload of(int id) {
      return new Payload(id, BILLING_DATE);
    }

    @Override
    public Class<Handler> getJobRequestHandler() {
      return Handler.class;
    }
  }

  /** Runs the unit. */
  public record Handler(Unit unit) implements JobRequestHandler<Payload> {
    @Override
    public void run(Payload payload) throws SQLException {
      unit.run(payload.subscriptionId());
    }
  }

  /** Hands out the one handler there is. */
  private record OneHandler(Handler handler) implements JobActivator {
    @Override
    public <T> T activateJob(Class<T> type) {
      return type.cast(handler);
    }
  }

  private final DatabaseAddress database;
  private final HikariDataSource clients;
  private final JobRequestScheduler scheduler;

  private JobRunr(DatabaseAddress database, HikariDataSource clients) {
    this.database = database;
    this.clients = clients;
    this.scheduler = new JobRequestScheduler(store(clients));
  }

  static JobRunr prepare(DatabaseAddress database) throws SQLException {
    return new JobRunr(database, Pools.full(database, CLIENTS, true));
  }

  /** Makes the tables where they are missing. */
  private static StorageProvider store(HikariDataSource connections) {
    StorageProvider store = new PostgresStorageProvider(connections);
    store.setJobMapper(new JobMapper(new JacksonJsonMapper()));
    return store;
  }

  @Override
  public void enqueueAll(int jobs) {
    scheduler.enqueue(IntStream.rangeClosed(1, jobs).mapToObj(Payload::of));
  }

  @Override
  public void enqueueOne(int id) {
    scheduler.enqueue(Payload.of(id));
  }

  @Override
  public int connections() {
    return CONNECTIONS;
  }

  @Override
  public Workers start(Unit unit) throws SQLException {
    HikariDataSource connections = Pools.full(database, CONNECTIONS, true);
    StorageProvider store = store(connections);
    BackgroundJobServer server =
        new BackgroundJobServer(
            store,
            new JacksonJsonMapper(),
            new OneHandler(new Handler(unit)),
            BackgroundJobServerConfiguration.usingStandardBackgroundJobServerConfiguration()
                .andPollInterval(POLL)
                .andWorkerCount(WORKERS));
    server.start();
    return () -> {
      server.stop();
      store.close();
      connections.close();
    };
  }

  @Override
  public long left() throws SQLException {
    return Pools.number(clients, "select count(*) from jobrunr_jobs where state <> 'SUCCEEDED'");
  }

  @Override
  public void close() {
    scheduler.shutdown();
    clients.close();
  }
}
