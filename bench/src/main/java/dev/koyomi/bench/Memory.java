package dev.koyomi.bench;

import dev.koyomi.bench.contender.Billing;
import dev.koyomi.bench.contender.Contender;
import dev.koyomi.bench.contender.KoyomiBatch;
import dev.koyomi.bench.contender.KoyomiUnits;
import dev.koyomi.bench.contender.Work;
import dev.koyomi.bench.measure.Noise;
import dev.koyomi.bench.measure.Report;
import dev.koyomi.bench.measure.Resident;
import dev.koyomi.bench.measure.Result;
import dev.koyomi.bench.measure.Server;
import dev.koyomi.bench.measure.Sizes;
import dev.koyomi.bench.measure.Turns;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Resident memory of the runner as a process of its own, with the flags of its image: of a worker
 * at full speed, and of a trigger that selects from another database.
 */
final class Memory {
  private static final int JOBS = 1_000_000;

  /** Jobs with a commit each are done so much slower, and targets selected so much quicker. */
  private static final int FEWER_COMMITS = 5;

  private static final int MORE_TARGETS = 5;

  private static final int SLOTS = 16;

  private static final Path JAR = Path.of("..", "job-runner", "target", "koyomi-job-runner.jar");
  private static final Pattern FLAG = Pattern.compile("<jvmFlag>([^<]+)</jvmFlag>");

  private static final String TRIGGER =
      """
      apiVersion: koyomi.dev/v1alpha1
      kind: BatchSchedule
      metadata: {name: work, namespace: bench}
      spec:
        schedules: [{name: nightly, cron: "0 1 * * *"}]
        trigger:
          database: {secretName: other}
          sql: SELECT id AS key, id AS "subscriptionId", :logicalDate AS "billingDate" FROM subscription
          maxJobs: 100000000
        unit: {sql: "SELECT :subscriptionId::int"}
      """;

  private final Server server;
  private final Path folder;

  private Memory(Server server, Path folder) {
    this.server = server;
    this.folder = folder;
  }

  public static void main(String[] arguments) throws Exception {
    try (Server server = Server.start()) {
      Memory memory = new Memory(server, Files.createDirectories(Path.of("target", "memory")));
      System.out.printf("java %s%n%n", String.join(" ", flags()));
      memory.run(Sizes.orElse(JOBS));
    }
  }

  private void run(Sizes sizes) throws Exception {
    int fewer = Math.max(1, sizes.jobs() / FEWER_COMMITS);
    Turns turns =
        Turns.take(
            sizes.turns(),
            List.of(
                new Turns.Entrant(
                    "worker, no-op Each",
                    fewer,
                    jobs -> worker(Work.NOOP, KoyomiUnits.ONE, "{mode: Each}", jobs)),
                new Turns.Entrant(
                    "worker, no-op Chunk",
                    sizes.jobs(),
                    jobs -> worker(Work.NOOP, KoyomiUnits.SET, "{mode: Chunk}", jobs)),
                new Turns.Entrant(
                    "worker, invoice Each",
                    fewer,
                    jobs -> worker(Work.INVOICE, KoyomiUnits.ONE, "{mode: Each}", jobs)),
                new Turns.Entrant(
                    "worker, invoice Each, not compiled",
                    fewer,
                    jobs -> worker(Work.INVOICE, KoyomiUnits.ONE, "{mode: Each}", jobs, false)),
                new Turns.Entrant(
                    "trigger, another database", sizes.jobs() * MORE_TARGETS, this::trigger)),
            result -> Report.told(result, "MiB", "jobs/s"));
    Report report =
        new Report("Memory: the most resident at once", "", "jobs", "MiB", "jobs/s", "others");
    for (String name : turns.names()) {
      report.row(
          turns, name, Report.figure(turns.highest(name, 0)), Report.figure(turns.median(name, 1)));
    }
    report.print();
  }

  private Result worker(Work work, KoyomiUnits units, String commit, int jobs) throws Exception {
    return worker(work, units, commit, jobs, true);
  }

  private Result worker(Work work, KoyomiUnits units, String commit, int jobs, boolean compiled)
      throws Exception {
    KoyomiBatch.Form form = new KoyomiBatch.Form(commit, SLOTS, units.sql(work));
    DatabaseAddress database = server.freshDatabase();
    try (KoyomiBatch batch = KoyomiBatch.open(database, 4)) {
      Planned.Valid planned = batch.register(form);
      if (work == Work.INVOICE) {
        Billing.create(database, jobs);
      }
      if (!compiled) {
        server.forbidTemporary();
      }
      batch.enqueue(
          planned,
          List.of("subscriptionId", "billingDate"),
          "ns",
          sink -> {
            for (int id = 1; id <= jobs; id++) {
              String text = Integer.toString(id);
              sink.add(text, text, Contender.BILLING_DATE);
            }
          });
      server.settle();
      Noise noise = server.noise();
      double peak = peak(form.manifest(), "work", "--drain", "--database", url(database));
      double others = noise.cores();
      long succeeded = batch.succeeded();
      return new Result(
          jobs,
          List.of(
              peak,
              jobs
                  / (batch.number(
                          """
                          select greatest(1, extract(epoch from max(ended_at) - min(began_at)) * 1000)::bigint from koyomi.work
                          """)
                      / 1e3)),
          others,
          succeeded != jobs
              ? Optional.of("%d of %d jobs succeeded".formatted(succeeded, jobs))
              : work == Work.INVOICE ? Billing.wrong(database, jobs) : Optional.empty());
    }
  }

  private Result trigger(int targets) throws Exception {
    DatabaseAddress database = server.freshDatabase();
    DatabaseAddress other = server.otherDatabase();
    try (Connection connection =
            DriverManager.getConnection(other.jdbcUrl(), other.username(), other.password());
        Statement statement = connection.createStatement()) {
      statement.execute("drop table if exists subscription");
      statement.execute(
          "create table subscription as select g as id from generate_series(1, %d) g"
              .formatted(targets));
    }
    try (KoyomiBatch batch = KoyomiBatch.open(database, 4)) {
      batch.register(TRIGGER);
      server.settle();
      Noise noise = server.noise();
      long begin = System.nanoTime();
      double peak =
          peak(
              TRIGGER,
              "trigger",
              "--date",
              "2026-11-01",
              "--database",
              url(database),
              "--trigger-database",
              url(other));
      double seconds = (System.nanoTime() - begin) / 1e9;
      long stored = batch.left();
      return new Result(
          targets,
          List.of(peak, targets / seconds),
          noise.cores(),
          stored == targets
              ? Optional.empty()
              : Optional.of("%d of %d targets are stored".formatted(stored, targets)));
    }
  }

  /** Runs the verb in a process of its own. */
  private double peak(String manifest, String verb, String... arguments) throws Exception {
    Path definition = folder.resolve("work.yaml");
    Files.writeString(definition, manifest);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags());
    command.addAll(List.of("-jar", JAR.toString(), verb, "--definition", definition.toString()));
    command.addAll(List.of(arguments));
    Path log = folder.resolve(verb + ".log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    double peak = Resident.peakUntilEnd(process);
    if (process.exitValue() != 0) {
      throw new IllegalStateException(
          "%s ended with %d:%n%s".formatted(verb, process.exitValue(), Files.readString(log)));
    }
    return peak;
  }

  /** Those that the images are made with. */
  private static List<String> flags() throws IOException {
    String more = System.getProperty("flags", "");
    if (!more.isBlank()) {
      return List.of(more.strip().split("\\s+", -1));
    }
    Matcher flag = FLAG.matcher(Files.readString(Path.of("..", "pom.xml")));
    List<String> flags = new ArrayList<>();
    while (flag.find()) {
      flags.add(flag.group(1));
    }
    return flags;
  }

  private static String url(DatabaseAddress database) throws SQLException {
    return database
        .jdbcUrl()
        .replace(
            "jdbc:postgresql://",
            "postgresql://%s:%s@".formatted(database.username(), database.password()));
  }
}
