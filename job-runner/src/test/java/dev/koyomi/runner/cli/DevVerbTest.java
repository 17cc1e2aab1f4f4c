package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.dev.LocalPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The way of a newcomer through the example, each step on what the one before left. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class DevVerbTest {
  private static final Path FOLDER = Path.of("target", "dev-verb");
  private static final String BILLING = "../examples/billing";

  private static Typed first = new Typed(-1, "", "");

  @BeforeAll
  static void runTheExample() {
    first = type("dev", BILLING, "--date", "2026-11-01", "--fresh");
  }

  @Test
  @Order(1)
  void billsAllButThree() {
    Golden.assertScreen("dev", steady(first));
    assertThat(count("select count(*) from invoice")).isEqualTo(9697);
  }

  @Test
  @Order(2)
  void doesNothingTheSecondTime() {
    Golden.assertScreen("dev-again", steady(type("dev", BILLING, "--date", "2026-11-01")));
    assertThat(count("select count(*) from invoice")).isEqualTo(9697);
  }

  @Test
  @Order(3)
  void endsWithTheCodeForAttentionWhenStrict() {
    assertThat(type("dev", BILLING, "--date", "2026-11-01", "--strict").exitCode())
        .isEqualTo(ExitCode.NEEDS_ATTENTION);
  }

  @Test
  @Order(4)
  void worksOnlyTheThreeAgainAfterTheFix() {
    Golden.assertScreen("dev-sql", type("dev", "sql", BILLING + "/fix.sql").all());
    Golden.assertScreen("dev-retry", steady(type("failed", "retry", "issue-invoices")));
    assertThat(count("select count(*) from invoice")).isEqualTo(9700);
    assertThat(count("select sum(succeeded) from koyomi.work where attempt > 1")).isEqualTo(3);
  }

  @Test
  @Order(5)
  void runsTheNewestSlotWithoutADate() {
    Typed typed = type("dev", BILLING);
    assertThat(typed.out()).contains("Firing 2026-11-02 01:00 Asia/Tokyo.");
    assertThat(count("select count(*) from invoice where billing_date = '2026-11-02'"))
        .isEqualTo(9700);
    assertThat(typed.exitCode()).isEqualTo(ExitCode.DONE);
  }

  @Test
  @Order(6)
  void saysWhatIsWrongWithTheCommand() {
    Golden.assertScreen("dev-no-path", type("dev").all());
    Golden.assertScreen("dev-no-such-path", type("dev", "no-such-folder").all());
    Golden.assertScreen("dev-no-manifest", type("dev", "src").all());
    Golden.assertScreen("dev-sql-no-file", type("dev", "sql", "no-such.sql").all());
    Golden.assertScreen("dev-wrong-date", type("dev", BILLING, "--date", "tomorrow").all());
  }

  @Test
  @Order(7)
  void worksWhatWasEnqueuedForABatchWithoutATrigger(@TempDir Path folder) throws IOException {
    String manifest =
        Files.writeString(
                folder.resolve("greetings.yaml"),
                """
                apiVersion: koyomi.dev/v1alpha1
                kind: BatchSchedule
                metadata: {name: greetings, namespace: billing}
                spec:
                  unit: {sql: "SELECT 1 / length(:name)"}
                """)
            .toString();
    Golden.assertScreen("dev-nothing-enqueued", steady(type("dev", manifest)));
    type("enqueue", "greetings", "--key", "1", "--payload", "{\"name\": \"Aoi\"}");
    Golden.assertScreen(
        "dev-enqueued",
        steady(type("dev", manifest)).replaceAll("[0-9]{4}-[0-9]{2}-[0-9]{2}", "TODAY"));
  }

  @Test
  @Order(8)
  void showsWhatItWorkedAndNoRunOfADayBefore(@TempDir Path folder) throws IOException {
    String manifest =
        Files.writeString(
                folder.resolve("farewells.yaml"),
                """
                apiVersion: koyomi.dev/v1alpha1
                kind: BatchSchedule
                metadata: {name: farewells, namespace: billing}
                spec:
                  job: {retry: {maxAttempts: 1}}
                  unit: {sql: "SELECT 1 / length(:name)"}
                """)
            .toString();
    String nothing = steady(type("dev", manifest));
    type("enqueue", "farewells", "--key", "1", "--payload", "{\"name\": \"\"}");
    assertThat(type("dev", manifest).out()).contains("1 job needs attention");
    sql(
        folder,
        """
        update koyomi.run r
          set logical_date = r.logical_date - 1, request = 'enqueued/' || (r.logical_date - 1),
              occurrence = r.occurrence - interval '1 day', open_until = r.open_until - interval '1 day'
          from koyomi.batch b where b.id = r.batch_id and b.name = 'billing/farewells';
        """);

    assertThat(steady(type("dev", manifest))).isEqualTo(nothing);

    sql(
        folder,
        """
        select koyomi.retry_dead(r.id, null, null) from koyomi.runs r where r.batch = 'billing/farewells';
        """);
    type("enqueue", "farewells", "--key", "2", "--payload", "{\"name\": \"Aoi\"}");
    Typed both = type("dev", manifest, "--strict");
    assertThat(both.out().lines().filter(line -> line.startsWith("run  "))).hasSize(2);
    assertThat(both.exitCode()).isEqualTo(ExitCode.NEEDS_ATTENTION);
  }

  /** Whose selection breaks again: nothing would ever select for it while this waits. */
  @Test
  @Order(9)
  @Timeout(120)
  void endsWhenTheRunThatGoesFirstCannotBeSelected(@TempDir Path folder) throws IOException {
    Path manifest = folder.resolve("broken.yaml");
    String text =
        """
        apiVersion: koyomi.dev/v1alpha1
        kind: BatchSchedule
        metadata: {name: broken, namespace: billing}
        spec:
          timeZone: Asia/Tokyo
          schedules: [{name: nightly, cron: "0 1 * * *"}]
          trigger: {sql: "SELECT 1 AS key, 1 / DIVISOR AS id"}
          unit: {sql: "SELECT :id"}
        """;
    Files.writeString(manifest, text.replace("DIVISOR", "0"));
    String broke =
        "broke: spec.trigger.sql: division by zero. The run waits for another one: when that is"
            + " mended, the same command once more; or `koyomi cancel broken --run ";
    assertThat(type("dev", manifest.toString(), "--date", "2026-11-01").err()).contains(broke);

    Typed other = type("dev", manifest.toString(), "--date", "2026-11-02");
    assertThat(other.out()).contains("for 2026-11-01 is not over yet: it goes first.");
    assertThat(other.err()).contains(broke);
    assertThat(other.exitCode()).isEqualTo(ExitCode.OTHER);

    Files.writeString(manifest, text.replace("DIVISOR", "1"));
    assertThat(type("dev", manifest.toString(), "--date", "2026-11-02").exitCode()).isZero();
    assertThat(
            count(
                "select count(*) from koyomi.runs where batch = 'billing/broken' and state ="
                    + " 'Succeeded'"))
        .isEqualTo(2);
  }

  @Test
  @Order(10)
  void saysWhichRowsItLeftOut(@TempDir Path folder) throws IOException {
    Path manifest = folder.resolve("twice.yaml");
    Files.writeString(
        manifest,
        """
        apiVersion: koyomi.dev/v1alpha1
        kind: BatchSchedule
        metadata: {name: twice, namespace: billing}
        spec:
          schedules: [{name: nightly, cron: "0 1 * * *"}]
          trigger: {sql: "SELECT n % 2 AS key, n FROM generate_series(1, 5) AS n"}
          unit: {sql: "SELECT :n"}
        """);

    assertThat(type("dev", manifest.toString(), "--date", "2026-11-01").out())
        .contains(
            "\n3 rows more with a key that was there already: the first of each key counts.\n");
  }

  private static void sql(Path folder, String text) throws IOException {
    Path file = Files.writeString(Files.createTempFile(folder, "", ".sql"), text);
    assertThat(type("dev", "sql", file.toString()).exitCode()).isZero();
  }

  private static Typed type(String... words) {
    return Typed.anywhere().folder(FOLDER).type(words);
  }

  private static long count(String sql) {
    try (LocalPostgres postgres = LocalPostgres.start(FOLDER, LocalPostgres.Options.shared());
        Database database = Database.direct(postgres.address(), "test")) {
      return database.jdbi().withHandle(h -> h.createQuery(sql).mapTo(Long.class).one());
    }
  }

  /** Without what differs from run to run: times, rates, row numbers, progress. */
  private static String steady(Typed typed) {
    return typed
        .all()
        .replaceAll("(?m)^[^\n]*[0-9] selected  .*\n", "")
        .replaceAll("(?m)^selecting targets.*\n", "")
        .replaceAll("(?m) +[0-9.]+ (s|min|h)( [0-9]+ (s|min))? +[0-9,]+$", "  TIME  RATE")
        .replaceAll(" +time  jobs/s", "  TIME  RATE")
        .replaceAll("contains \\([0-9]+", "contains (N");
  }
}
