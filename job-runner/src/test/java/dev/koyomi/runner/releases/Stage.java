package dev.koyomi.runner.releases;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.runner.db.Migration;
import dev.koyomi.runner.queue.Batches;
import dev.koyomi.runner.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.flywaydb.core.Flyway;

/**
 * A database without a queue, a batch whose effects have no unique key, and the processes of two
 * releases.
 */
final class Stage implements AutoCloseable {
  static final int TARGETS = 1100;
  static final String BATCH = "upgrade/effects";

  /** What both releases can read. */
  static final String MANIFEST =
      """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: effects, namespace: upgrade}
      spec:
        timeZone: Asia/Tokyo
        schedules: [{name: nightly, cron: "0 1 * * *"}]
        overlap: {policy: Allow}
        trigger:
          sql: SELECT id AS key, id AS target, :logicalDate AS day FROM target ORDER BY id
          timeout: 1m
        job:
          retry: {maxAttempts: 2, backoff: {initial: 10ms, jitter: 0}}
        unit:
          sql: INSERT INTO effect (target, day) SELECT t.id, :day FROM target t WHERE t.id = :target AND touched(t.id)
          timeout: 1m
        workers: {concurrency: 2, stopWithin: 60s}
      """;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestDatabase database;
  private final Path folder;
  private final List<Process> processes = new ArrayList<>();
  private final List<Connection> holders = new ArrayList<>();
  private int outputs;

  Stage(TestDatabase database, Path folder) {
    this.database = database;
    this.folder = folder;
    execute("drop schema if exists koyomi cascade");
    execute("drop table if exists effect, target cascade");
    execute("create table target (id int primary key, broken boolean not null default false)");
    execute("create table effect (target int not null, day date not null)");
    execute("insert into target (id) select generate_series(1, %d)".formatted(TARGETS));
    // Held at a target by who has the lock (42, target).
    execute(
        """
        create or replace function touched(p_target int) returns boolean language plpgsql as $$
        begin
          perform pg_advisory_xact_lock_shared(42, p_target);
          if (select t.broken from target t where t.id = p_target) then
            raise exception 'target % is broken', p_target;
          end if;
          return true;
        end $$
        """);
  }

  /** Its schema, as the first release makes it. */
  void makeTheOldSchema() {
    Flyway.configure()
        .dataSource(database.dataSource())
        .defaultSchema("koyomi")
        .table("schema_history")
        .target("1")
        .load()
        .migrate();
  }

  void migrate() throws SQLException {
    assertThat(new Migration(database.database()).run())
        .isEqualTo(new Migration.Outcome.Migrated(1, 2));
  }

  /** How a command ended, and what it printed. */
  record Ended(int exit, String output) {}

  /** A command that runs. */
  record Running(Process process, Path output) {
    Ended ended() throws InterruptedException, IOException {
      assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
      return new Ended(process.exitValue(), Files.readString(output));
    }

    String printed() {
      try {
        return Files.readString(output);
      } catch (IOException failed) {
        return failed.toString();
      }
    }
  }

  Path manifest(String text) throws IOException {
    return Files.writeString(folder.resolve("batch-%08x.yaml".formatted(text.hashCode())), text);
  }

  Running start(Release release, String... words) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.addAll(release.options());
    command.addAll(List.of("-cp", release.classPath()));
    command.add("dev.koyomi.runner.RunnerMain");
    command.addAll(List.of(words));
    Path output =
        folder.resolve("output-%d-%s-%s".formatted(++outputs, release.version(), words[0]));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder
        .environment()
        .putAll(
            Map.of(
                "KOYOMI_DATABASE_URI", database.address().jdbcUrl(),
                "KOYOMI_DATABASE_USERNAME", database.address().username(),
                "KOYOMI_DATABASE_PASSWORD", database.address().password()));
    Process process = builder.start();
    processes.add(process);
    return new Running(process, output);
  }

  Ended run(Release release, String... words) throws IOException, InterruptedException {
    return start(release, words).ended();
  }

  /** Runs a command that has no reason to fail. */
  String done(Release release, String... words) throws IOException, InterruptedException {
    Ended ended = run(release, words);
    assertThat(ended.exit()).as(release.version() + ": " + ended.output()).isZero();
    return ended.output();
  }

  String fire(Release release, String manifest, String date)
      throws IOException, InterruptedException {
    return done(release, "trigger", "--definition", manifest(manifest).toString(), "--date", date);
  }

  Running work(Release release, String manifest, String... words) throws IOException {
    List<String> command =
        new ArrayList<>(List.of("work", "--definition", manifest(manifest).toString()));
    command.addAll(List.of(words));
    return start(release, command.toArray(String[]::new));
  }

  /** Registers as an operator does. */
  void register(String manifest, long generation) throws ManifestProblem {
    if (!(Planner.plan(Manifests.read(manifest).getFirst()) instanceof Planned.Valid valid)) {
      throw new IllegalArgumentException(manifest);
    }
    assertThat(
            new Batches(database.jdbi())
                .register(BATCH, "operator", generation, valid.definition().json()))
        .isTrue();
  }

  /** Whoever comes to this target waits there until the result is closed. */
  Connection hold(int target) throws SQLException {
    Connection holder = database.dataSource().getConnection();
    holders.add(holder);
    holder.createStatement().execute("select pg_advisory_lock(42, %d)".formatted(target));
    return holder;
  }

  static void letGo(Connection holder) throws SQLException {
    if (!holder.isClosed()) {
      holder.createStatement().execute("select pg_advisory_unlock_all()");
      holder.close();
    }
  }

  void awaitAt(int target) {
    await(
        "select count(*) > 0 from pg_locks where locktype = 'advisory' and classid = 42 and objid = %d and not granted and database = (select oid from pg_database where datname = current_database())"
            .formatted(target));
  }

  /** Until the answer is yes. */
  void await(String question) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!text("select (%s)::text".formatted(question)).equals("true")) {
      assertThat(System.nanoTime()).as(() -> question + "\n" + said()).isLessThan(deadline);
      LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
    }
  }

  void awaitPrinted(Running running, String text) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!running.printed().contains(text)) {
      assertThat(running.process().isAlive() && System.nanoTime() < deadline)
          .as(running.printed())
          .isTrue();
      LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
    }
  }

  /** Until idle workers have looked for work once more, which they do without writing anything. */
  void awaitALook() {
    for (int look = 0; look < 2; look++) {
      String now = text("select clock_timestamp()::text");
      await(
          "select exists (select from pg_stat_activity where datname = current_database() and application_name = 'koyomi work' and query like '%%choice%%' and query_start > '%s')"
              .formatted(now));
    }
  }

  private String said() {
    StringBuilder all = new StringBuilder();
    for (int i = 1; i <= outputs; i++) {
      String prefix = "output-%d-".formatted(i);
      try (var files = Files.list(folder)) {
        for (Path file :
            files.filter(f -> f.getFileName().toString().startsWith(prefix)).toList()) {
          all.append(file.getFileName()).append('\n').append(Files.readString(file));
        }
      } catch (IOException failed) {
        all.append(failed);
      }
    }
    return all.toString();
  }

  void execute(String sql) {
    database.jdbi().useHandle(handle -> handle.execute(sql));
  }

  String text(String sql) {
    return database.jdbi().withHandle(handle -> handle.createQuery(sql).mapTo(String.class).one());
  }

  long count(String sql) {
    return Long.parseLong(text("select (%s)::text".formatted(sql)));
  }

  /** Of a day: {@code state selected/succeeded/skipped/dead/cancelled}. */
  String run(String day) {
    return text(
        "select format('%%s %%s/%%s/%%s/%%s/%%s', state, selected, succeeded, skipped, dead, cancelled) from koyomi.runs where logical_date = '%s'"
            .formatted(day));
  }

  void awaitEnd(String day) {
    await(
        "select state not in ('Selecting', 'Running') from koyomi.runs where logical_date = '%s'"
            .formatted(day));
  }

  /** The run of this day is over, and each of its targets has its one effect. */
  void assertEachOnce(String day) {
    assertThat(run(day)).isEqualTo("Succeeded %d/%d/0/0/0".formatted(TARGETS, TARGETS));
    assertEffects(day, TARGETS);
  }

  void assertEffects(String day, long effects) {
    assertThat(
            text(
                "select count(*) || ' of ' || count(distinct target) from effect where day = '%s'"
                    .formatted(day)))
        .isEqualTo("%d of %d".formatted(effects, effects));
  }

  /** Jobs of a day's run that workers of a release ended. */
  long workedBy(int release, String day) {
    return count(
        "select coalesce(sum(k.succeeded + k.skipped), 0) from koyomi.work k join koyomi.worker w on w.id = k.worker_id join koyomi.run r on r.id = k.run_id where w.release = %d and r.logical_date = '%s'"
            .formatted(release, day));
  }

  /** Whether a worker of release 0.1.0 may lease. */
  static final String OLD_ONE_IS_IN =
      "select count(*) = 1 from koyomi.worker where kind = 'Worker' and release = 1 and stopped_at"
          + " is null and lost_at is null";

  static final String NO_OLD_ONE_IS_IN = OLD_ONE_IS_IN.replace("= 1 from", "= 0 from");

  @Override
  public void close() throws InterruptedException, SQLException {
    for (Process process : processes) {
      process.destroyForcibly().waitFor();
    }
    // What they left on the server, waiting for what a failed test holds.
    execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            + " and application_name like 'koyomi%'");
    for (Connection holder : holders) {
      letGo(holder);
    }
  }
}
