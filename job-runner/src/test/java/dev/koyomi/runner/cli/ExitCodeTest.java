package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.testing.TestDatabase;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExitCodeTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @TempDir private Path folder;

  @BeforeEach
  void queueAndTables() {
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("create table if not exists target (id int primary key)");
              handle.execute(
                  "insert into target select generate_series(1, 3) on conflict do nothing");
            });
    database.clear();
  }

  @Test
  void triesAgainWhenTheDatabaseIsAway() throws Exception {
    Typed typed = Typed.on(atPort(freePort(), database.address())).type("runs");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(typed.err())
        .startsWith("koyomi: The database cannot be reached: Connection to 127.0.0.1:")
        .hasLineCount(1);
  }

  @Test
  void saysWhatIsWrongWithAFile() throws Exception {
    Path bytes = Files.write(folder.resolve("bytes.yaml"), new byte[] {(byte) 0xff, (byte) 0xfe});
    Typed aFolder = Typed.on(database.address()).type("validate", folder.toString());
    assertThat(aFolder.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(aFolder.err())
        .isEqualTo("koyomi: %s is a folder: give a file in it.\n".formatted(folder));
    Typed noText = Typed.on(database.address()).type("validate", bytes.toString());
    assertThat(noText.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(noText.err()).isEqualTo("koyomi: %s is no text in UTF-8.\n".formatted(bytes));
  }

  @Test
  void aBatchThatOnlyTakesJobsFromOutsideHasNothingToFire() throws Exception {
    String manifest =
        Files.writeString(
                folder.resolve("enqueue-only.yaml"),
                """
                apiVersion: koyomi.dev/v1alpha1
                kind: BatchSchedule
                metadata: {name: x, namespace: billing}
                spec:
                  unit: {sql: "update target set id = id where id = :id"}
                """)
            .toString();
    for (Typed typed :
        List.of(
            Typed.on(database.address()).type("trigger", "--definition", manifest),
            Typed.anywhere()
                .folder(folder.resolve("dev"))
                .type("dev", manifest, "--date", "2026-11-01"))) {
      assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
      assertThat(typed.err())
          .isEqualTo(
              "koyomi: The batch billing/x has no trigger to fire: its jobs come from"
                  + " koyomi.enqueue() alone.\n");
    }
  }

  @Test
  void refusesALimitThatShowsNothing() {
    Typed typed = Typed.on(database.address()).type("runs", "--limit", "-1");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err()).contains("--limit", "'-1' is no number from 1 to 999999999");
  }

  @Test
  void triesAgainWithAWrongPassword() {
    DatabaseAddress right = database.address();
    Typed typed =
        Typed.on(new DatabaseAddress(right.jdbcUrl(), right.username(), "guessed")).type("runs");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: The database refuses the user: password authentication failed for user"
                + " \"app\". Check user name and password.\n");
  }

  @Test
  void triesAgainWithoutRights() {
    try (var superuser = Database.direct(database.superuser(), "test")) {
      superuser
          .jdbi()
          .useHandle(
              handle -> {
                handle.execute("drop role if exists stranger");
                handle.execute("create role stranger login password 'stranger'");
              });
    }
    Typed typed =
        Typed.on(new DatabaseAddress(database.address().jdbcUrl(), "stranger", "stranger"))
            .type("runs");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: The database user lacks a right: permission denied for schema koyomi. Grant"
                + " it.\n");
  }

  @Test
  void triesAgainOnAReadOnlyServer() throws Exception {
    DatabaseAddress address = database.address();
    Typed typed =
        Typed.on(
                new DatabaseAddress(
                    address.jdbcUrl() + "?options=-c%20default_transaction_read_only=on",
                    address.username(),
                    address.password()))
            .type(
                "trigger",
                "--definition",
                manifest("select id as key, id from target"),
                "--date",
                "2026-11-01");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(typed.err()).contains("The database is read-only");
  }

  @Test
  void saysWhatIsMissingWithoutAnyDatabase() {
    Golden.assertScreen("no-database", Typed.anywhere().type("runs").all());
    Golden.assertScreen(
        "half-a-database",
        Typed.anywhere()
            .with("KOYOMI_DATABASE_HOST", "db")
            .with("KOYOMI_DATABASE_PORT", "x")
            .type("runs")
            .all());
  }

  @Test
  void distinguishesHowATriggerEnds() throws Exception {
    Typed.Place place = Typed.on(database.address());
    String good = manifest("select id as key, id from target");
    assertThat(fire(place, good, "2026-11-01").all())
        .startsWith("Run 1 for 2026-11-01: 3 jobs selected, Running.\n");
    Typed again = fire(place, good, "2026-11-01");
    assertThat(again.out()).isEqualTo("This occurrence was fired before, as run 1: Running.\n");
    assertThat(again.exitCode()).isEqualTo(ExitCode.DONE);
    Typed overlapping = fire(place, good, "2026-11-02");
    assertThat(overlapping.out()).contains(" was skipped: run 1 of this batch is not over yet.");
    assertThat(overlapping.exitCode()).isEqualTo(ExitCode.SKIPPED);
    assertThat(fire(place, good, "2026-11-02").out())
        .matches("This occurrence was fired before, as run [0-9]+: Skipped.\n");
  }

  @Test
  void saysThatARunWhoseSelectionBrokeWaitsForAnother() throws Exception {
    Typed typed =
        fire(
            Typed.on(database.address()),
            manifest("select id as key, 1 / (id - 2) as id from target"),
            "2026-11-01");

    assertThat(typed.exitCode()).isEqualTo(ExitCode.OTHER);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: The selection for run 1 broke: spec.trigger.sql: division by zero. The run"
                + " waits for another one: when that is mended, the same command once more; or"
                + " `koyomi cancel x --run 1`.\n");
    assertThat(Typed.on(database.address()).type("why", "x").out())
        .contains(
            "`koyomi redispatch x --run 1` selects now. Its last problem: spec.trigger.sql:"
                + " division by zero.");
  }

  /** Typed once more, it may fire the next slot. */
  @Test
  void namesTheRunWhereNoDateWasGiven() throws Exception {
    String broken = manifest("select id as key, 1 / (id - 2) as id from target");
    assertThat(Typed.on(database.address()).type("trigger", "--definition", broken).err())
        .contains("when that is mended, `koyomi redispatch x --run 1`; or");
  }

  @Test
  void namesARunThatIsNotThere() throws Exception {
    Typed.Place place = Typed.on(database.address());
    fire(place, manifest("select id as key, id from target"), "2026-11-01");
    for (String[] words :
        List.of(
            new String[] {"failed", "list", "--run", "77"},
            new String[] {"failed", "retry", "--run", "77"},
            new String[] {"failed", "discard", "--run", "77", "--reason", "x"})) {
      Typed typed = place.type(words);
      assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
      assertThat(typed.err())
          .isEqualTo("koyomi: There is no run 77: `koyomi runs` lists the newest.\n");
    }
    assertThat(place.type("failed", "list", "x", "--run", "77").err())
        .contains("billing/x has no run 77");
  }

  @Test
  void saysWhichOptionsExcludeEachOther() {
    assertThat(Typed.anywhere().type("work", "--definition", "x", "--once", "--drain").err())
        .startsWith("koyomi: --once, --drain exclude each other: leave one of them out.");
  }

  @Test
  void refusesAWrongQueryForGood() throws Exception {
    Typed typed =
        fire(
            Typed.on(database.address()),
            manifest("select no_such_column as key, id from target"),
            "2026-11-01");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err()).contains("spec.trigger.sql: column \"no_such_column\" does not exist");
  }

  @Test
  void wantsTheDatabaseThatTheTriggerSelectsFrom() throws Exception {
    String manifest = manifest("select id as key, id from target");
    Path file = Path.of(manifest);
    Files.writeString(
        file,
        Files.readString(file).replace("trigger: {", "trigger: {database: {secretName: crm}, "));

    for (Typed typed :
        List.of(
            fire(Typed.on(database.address()), manifest, "2026-11-01"),
            Typed.anywhere().folder(folder.resolve("dev")).type("dev", manifest))) {
      assertThat(typed.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
      assertThat(typed.err())
          .isEqualTo(
              "koyomi: The trigger of billing/x selects from a database of its own"
                  + " (spec.trigger.database, Secret crm): write --trigger-database URL, or set"
                  + " KOYOMI_TRIGGER_DATABASE_URI (key jdbc-uri of the Secret), or"
                  + " KOYOMI_TRIGGER_DATABASE_HOST, KOYOMI_TRIGGER_DATABASE_NAME,"
                  + " KOYOMI_TRIGGER_DATABASE_USERNAME and KOYOMI_TRIGGER_DATABASE_PASSWORD (keys"
                  + " host, dbname, username and password).\n");
    }
  }

  @Test
  void refusesATriggersDatabaseThatTheManifestDoesNotName() throws Exception {
    Typed typed =
        Typed.on(database.address())
            .type(
                "trigger",
                "--definition",
                manifest("select 1 as key"),
                "--trigger-database",
                "postgresql://crm/customers");

    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: The batch billing/x names no database of its trigger (spec.trigger.database):"
                + " leave --trigger-database out.\n");
  }

  @Test
  void aTriggerPodThatIsSkippedIsDone() throws Exception {
    Typed.Place place = Typed.on(database.address()).with("KOYOMI_NAMESPACE", "billing");
    String manifest = manifest("select id as key, id from target");
    fire(place, manifest, "2026-11-01");
    Typed typed =
        place
            .with("KOYOMI_JOB_NAME", "by-hand")
            .type("trigger", "--definition", manifest, "--cron-job", "x-nightly");
    assertThat(typed.all()).contains("was skipped");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.DONE);
  }

  @Test
  void drainingEndsWithTheCodeForAttention() throws Exception {
    Typed.Place place = Typed.on(database.address());
    String manifest = manifest("select id as key, id from target");
    assertThat(fire(place, manifest, "2026-11-01").exitCode()).isZero();
    assertThat(place.type("work", "--definition", manifest, "--drain").exitCode())
        .isEqualTo(ExitCode.NEEDS_ATTENTION);
    assertThat(place.type("work", "--definition", manifest, "--drain").exitCode())
        .isEqualTo(ExitCode.DONE);
    assertThat(place.type("work", "--definition", manifest, "--once").exitCode())
        .isEqualTo(ExitCode.DONE);
  }

  @Test
  void aWorkerForCiSaysThatTheBatchIsUnknown() throws Exception {
    Typed typed =
        Typed.on(database.address())
            .type("work", "--definition", manifest("select 1 as key"), "--once");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(typed.err())
        .isEqualTo(
            "koyomi: The batch billing/x is not registered in this database: the operator does"
                + " that, or `koyomi trigger` where the batch has a trigger.\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--run", "--limit"})
  void aNumberThatIsNoneIsNamedInPlainWords(String option) throws Exception {
    Typed typed = Typed.on(database.address()).type("jobs", "x", option, "abc");
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(typed.err()).contains("'abc' is no number");
  }

  private static Typed fire(Typed.Place place, String manifest, String date) {
    return place.type("trigger", "--definition", manifest, "--date", date);
  }

  /** A batch whose Unit fails for the target 2. */
  private String manifest(String selection) throws IOException {
    return Files.writeString(
            folder.resolve("x.yaml"),
            """
            apiVersion: koyomi.dev/v1alpha1
            kind: BatchSchedule
            metadata: {name: x, namespace: billing}
            spec:
              timeZone: Asia/Tokyo
              schedules: [{name: nightly, cron: "0 1 * * *"}]
              trigger: {sql: "%s"}
              job: {retry: {maxAttempts: 1}}
              unit: {sql: "update target set id = id where id = 1 / (cast(:id as int) - 2)"}
              workers: {concurrency: 2}
            """
                .formatted(selection))
        .toString();
  }

  private static DatabaseAddress atPort(int port, DatabaseAddress address) {
    return new DatabaseAddress(
        address.jdbcUrl().replaceFirst(":[0-9]+/", ":" + port + "/"),
        address.username(),
        address.password());
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
