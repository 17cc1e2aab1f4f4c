package dev.koyomi.bench.contender;

import com.zaxxer.hikari.HikariDataSource;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.quartz.Job;
import org.quartz.JobBuilder;
import org.quartz.JobDetail;
import org.quartz.JobExecutionContext;
import org.quartz.JobExecutionException;
import org.quartz.Scheduler;
import org.quartz.SchedulerException;
import org.quartz.Trigger;
import org.quartz.TriggerBuilder;
import org.quartz.impl.SchedulerRepository;
import org.quartz.impl.StdSchedulerFactory;

/** Quartz: one durable job, a trigger for each piece of work, in a clustered store. */
final class Quartz implements Contender {
  private static final String NAME = "bench";
  private static final String SUBSCRIPTION = "subscriptionId";
  private static final int THREADS = 40;
  private static final int SPARE_CONNECTIONS = 5;
  private static final int BATCH = 5_000;

  private static final String SETTINGS =
      """
      org.quartz.scheduler.instanceName = bench
      org.quartz.scheduler.skipUpdateCheck = true
      org.quartz.scheduler.batchTriggerAcquisitionMaxCount = 40
      org.quartz.scheduler.batchTriggerAcquisitionFireAheadTimeWindow = 1000
      # The least that is allowed.
      org.quartz.scheduler.idleWaitTime = 1000
      org.quartz.threadPool.class = org.quartz.simpl.SimpleThreadPool
      org.quartz.jobStore.class = org.quartz.impl.jdbcjobstore.JobStoreTX
      org.quartz.jobStore.driverDelegateClass = org.quartz.impl.jdbcjobstore.PostgreSQLDelegate
      org.quartz.jobStore.isClustered = true
      org.quartz.jobStore.useProperties = true
      org.quartz.jobStore.acquireTriggersWithinLock = true
      # Nothing is late here, however long the queue.
      org.quartz.jobStore.misfireThreshold = 3600000
      """;

  /** Runs the unit. */
  private record Handler(Unit unit) implements Job {
    @Override
    public void execute(JobExecutionContext context) throws JobExecutionException {
      try {
        unit.run(Integer.parseInt(context.getTrigger().getJobDataMap().getString(SUBSCRIPTION)));
      } catch (SQLException failed) {
        throw new JobExecutionException(failed);
      }
    }
  }

  private final DatabaseAddress database;
  private final HikariDataSource watching;
  private final Scheduler client;
  private final JobDetail job;

  private Quartz(
      DatabaseAddress database, HikariDataSource watching, Scheduler client, JobDetail job) {
    this.database = database;
    this.watching = watching;
    this.client = client;
    this.job = job;
  }

  static Quartz prepare(DatabaseAddress database)
      throws SQLException, IOException, SchedulerException {
    HikariDataSource watching = Pools.full(database, 1, true);
    Pools.execute(watching, schema());
    Scheduler client = scheduler(database, "client", 1, CLIENTS);
    JobDetail job = JobBuilder.newJob(Handler.class).withIdentity("invoice").storeDurably().build();
    client.addJob(job, true);
    return new Quartz(database, watching, client, job);
  }

  /** The tables as Quartz ships them. */
  private static String schema() throws IOException {
    try (InputStream script =
        Scheduler.class.getResourceAsStream("/org/quartz/impl/jdbcjobstore/tables_postgres.sql")) {
      if (script == null) {
        throw new IOException("Quartz has no tables_postgres.sql");
      }
      return new String(script.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** A member of the cluster; it is taken off the list of this JVM, where members share a name. */
  private static Scheduler scheduler(
      DatabaseAddress database, String member, int threads, int connections)
      throws SchedulerException {
    Properties settings = new Properties();
    SETTINGS
        .lines()
        .filter(line -> !line.startsWith("#"))
        .map(line -> line.split(" = ", 2))
        .forEach(setting -> settings.setProperty(setting[0], setting[1]));
    settings.setProperty("org.quartz.scheduler.instanceId", member);
    settings.setProperty("org.quartz.threadPool.threadCount", Integer.toString(threads));
    settings.setProperty("org.quartz.jobStore.dataSource", member);
    Map.of(
            "provider", "hikaricp",
            "driver", "org.postgresql.Driver",
            "URL", Pools.url(database),
            "user", database.username(),
            "password", database.password(),
            "maxConnections", Integer.toString(connections))
        .forEach(
            (name, value) ->
                settings.setProperty("org.quartz.dataSource.%s.%s".formatted(member, name), value));
    Scheduler scheduler = new StdSchedulerFactory(settings).getScheduler();
    SchedulerRepository.getInstance().remove(NAME);
    return scheduler;
  }

  private Trigger trigger(int id) {
    return TriggerBuilder.newTrigger()
        .withIdentity("trigger " + id)
        .forJob(job)
        .startNow()
        .usingJobData(SUBSCRIPTION, Integer.toString(id))
        .usingJobData("billingDate", BILLING_DATE)
        .build();
  }

  @Override
  public void enqueueAll(int jobs) throws SchedulerException {
    for (int from = 1; from <= jobs; from += BATCH) {
      Set<Trigger> batch = new HashSet<>();
      for (int id = from; id < Math.min(from + BATCH, jobs + 1); id++) {
        batch.add(trigger(id));
      }
      client.scheduleJobs(Map.of(job, batch), true);
    }
  }

  @Override
  public void enqueueOne(int id) throws SchedulerException {
    client.scheduleJob(trigger(id));
  }

  @Override
  public int connections() {
    return THREADS;
  }

  @Override
  public Workers start(Unit unit) throws SchedulerException {
    Scheduler workers = scheduler(database, "worker", THREADS, THREADS + SPARE_CONNECTIONS);
    workers.setJobFactory((_, _) -> new Handler(unit));
    workers.start();
    return () -> workers.shutdown(true);
  }

  @Override
  public long left() throws SQLException {
    return Pools.number(
        watching,
        "select (select count(*) from qrtz_triggers) + (select count(*) from qrtz_fired_triggers)");
  }

  @Override
  public void close() throws SchedulerException {
    client.shutdown();
    watching.close();
  }
}
