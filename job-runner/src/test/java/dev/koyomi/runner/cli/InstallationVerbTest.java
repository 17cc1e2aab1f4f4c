package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A queue belongs to one installation; a person can move it. */
final class InstallationVerbTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @TempDir private Path folder;

  @BeforeEach
  void nobodys() {
    database.clear();
    database
        .jdbi()
        .useHandle(handle -> handle.execute("update koyomi.meta set installation = null"));
  }

  private static String owner() {
    return database
        .jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery("select coalesce(installation, 'nobody') from koyomi.meta")
                    .mapTo(String.class)
                    .one());
  }

  private static Typed.Place as(String installation) {
    return Typed.on(database.address()).with("KOYOMI_INSTALLATION", installation);
  }

  private String manifest() throws Exception {
    return Files.writeString(
            folder.resolve("x.yaml"),
            """
            apiVersion: koyomi.dev/v1alpha1
            kind: BatchSchedule
            metadata: {name: x, namespace: billing}
            spec:
              schedules: [{name: nightly, cron: "0 1 * * *"}]
              trigger: {sql: "select 1 as key, 1 as id"}
              unit: {sql: "select :id"}
              workers: {concurrency: 1}
            """)
        .toString();
  }

  @Test
  void theFirstInstallationThatMigratesHasIt() {
    assertThat(as("one").type("migrate").exitCode()).isZero();
    assertThat(owner()).isEqualTo("one");
    assertThat(as("one").type("migrate").exitCode()).isZero();
    Typed other = as("two").type("migrate");
    assertThat(other.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(other.err())
        .isEqualTo(
            "koyomi: The queue in this database belongs to the installation one, and this is the"
                + " installation two: use a database of its own, or, when the other one no longer"
                + " uses this queue, have it moved by `koyomi migrate --adopt two`.\n");
    assertThat(owner()).isEqualTo("one");
  }

  @Test
  void aPersonMigratesAnyQueueAndLeavesItWhoseItIs() {
    assertThat(Typed.on(database.address()).type("migrate").exitCode()).isZero();
    assertThat(owner()).isEqualTo("nobody");
    as("one").type("migrate");
    assertThat(Typed.on(database.address()).type("migrate").exitCode()).isZero();
    assertThat(owner()).isEqualTo("one");
  }

  @Test
  void aPersonMovesTheQueue() {
    as("one").type("migrate");
    Typed moved = Typed.on(database.address()).type("migrate", "--adopt", "two");
    assertThat(moved.all())
        .isEqualTo(
            """
            The queue's schema is up to date.
            It belongs to the installation two now, before to one.
            --- exit code 0
            """);
    assertThat(owner()).isEqualTo("two");
    assertThat(as("one").type("migrate").exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(Typed.on(database.address()).type("migrate", "--adopt", "two").out())
        .endsWith("It belonged to the installation two before.\n");
    Typed nobody = Typed.on(database.address()).type("migrate", "--adopt", "no name");
    assertThat(nobody.exitCode()).isEqualTo(ExitCode.WRONG);
    assertThat(nobody.err()).contains("--adopt 'no name' is no installation").hasLineCount(1);
  }

  @Test
  void triggersAndWorkersAreLetInByTheirOwnInstallationAlone() throws Exception {
    as("one").type("migrate");
    String manifest = manifest();
    List<String> trigger = List.of("trigger", "--definition", manifest, "--date", "2026-11-01");
    List<String> work = List.of("work", "--definition", manifest, "--drain");
    for (List<String> words : List.of(trigger, work)) {
      Typed other = as("two").type(words.toArray(String[]::new));
      assertThat(other.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
      assertThat(other.err()).contains("belongs to the installation one").hasLineCount(1);
      Typed laptop = Typed.on(database.address()).type(words.toArray(String[]::new));
      assertThat(laptop.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
      assertThat(laptop.err())
          .contains("this is none (KOYOMI_INSTALLATION is not set)", "`koyomi migrate --adopt ID`");
    }
    assertThat(count("batch")).as("not even made known").isZero();
    assertThat(as("one").type(trigger.toArray(String[]::new)).exitCode()).isZero();
    assertThat(as("one").type(work.toArray(String[]::new)).exitCode()).isZero();
    assertThat(count("run")).isOne();
  }

  /** The CronJob's pod, which the operator told whose it is. */
  @Test
  void aTriggersPodOfAnotherInstallationFiresNothing() throws Exception {
    String manifest = manifest();
    as("one").type("trigger", "--definition", manifest, "--date", "2026-11-01");
    as("two").type("migrate");
    Typed pod =
        as("one")
            .with("KOYOMI_NAMESPACE", "billing")
            .with("KOYOMI_JOB_NAME", "by-hand")
            .type("trigger", "--definition", manifest, "--cron-job", "x-nightly");
    assertThat(pod.exitCode()).isEqualTo(ExitCode.TRY_AGAIN);
    assertThat(pod.err()).contains("belongs to the installation two");
    assertThat(count("run")).isOne();
  }

  private static long count(String table) {
    return database
        .jdbi()
        .withHandle(
            handle ->
                handle.createQuery("select count(*) from koyomi." + table).mapTo(Long.class).one());
  }
}
