package dev.koyomi.runner.releases;

import static dev.koyomi.runner.releases.Stage.BATCH;
import static dev.koyomi.runner.releases.Stage.MANIFEST;
import static dev.koyomi.runner.releases.Stage.NO_OLD_ONE_IS_IN;
import static dev.koyomi.runner.releases.Stage.OLD_ONE_IS_IN;
import static dev.koyomi.runner.releases.Stage.TARGETS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Processes of release 0.1.0 on the schema of this one, beside those of this one. */
@Tag("releases")
final class UpgradeTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final Release NEW = Release.present();
  private static Release old = NEW;

  private static final String DAY = "2026-11-01";
  private static final String NEXT_DAY = "2026-11-02";
  private static final String THIRD_DAY = "2026-11-03";
  private static final String PAYLOAD = "{\"target\": 7, \"day\": \"2027-01-01\"}";

  @TempDir private Path folder;
  private Stage stage;

  @BeforeAll
  static void buildTheReleaseBefore() throws Exception {
    old = Release.of("0.1.0");
  }

  @BeforeEach
  void makeItsSchema() {
    stage = new Stage(DATABASE, folder);
    stage.makeTheOldSchema();
  }

  @AfterEach
  void endAllProcesses() throws Exception {
    stage.close();
  }

  @Test
  void anOldWorkerFinishesItsRunAcrossTheMigration() throws Exception {
    stage.execute("drop schema koyomi cascade");
    assertThat(stage.done(old, "migrate")).contains("was made (version 1)");
    stage.fire(old, MANIFEST, DAY);
    Connection holder = stage.hold(700);
    Stage.Running worker = stage.work(old, MANIFEST);
    stage.awaitAt(700);

    assertThat(stage.done(NEW, "migrate")).contains("from version 1 to 2");

    assertThat(stage.run(DAY)).startsWith("Running");
    Stage.letGo(holder);
    stage.awaitEnd(DAY);
    stage.assertEachOnce(DAY);
    assertThat(stage.workedBy(1, DAY)).isEqualTo(TARGETS);
    assertThat(stage.count("select count(*) from koyomi.failure")).isZero();
    assertThat(stage.count("select count(*) from koyomi.chunk where jobs is null")).isZero();
    assertThat(worker.process().isAlive()).as(worker.printed()).isTrue();

    // And the next run, with nothing of this release but the schema.
    stage.fire(old, MANIFEST, NEXT_DAY);
    stage.awaitEnd(NEXT_DAY);
    stage.assertEachOnce(NEXT_DAY);
  }

  @Test
  void anOldWorkerThatWasKilledIsReplacedByAnOldOne() throws Exception {
    stage.fire(old, MANIFEST, DAY);
    stage.migrate();
    Connection holder = stage.hold(700);
    Stage.Running killed = stage.work(old, MANIFEST);
    stage.awaitAt(700);
    killed.process().destroyForcibly().waitFor();
    stage.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            + " and application_name = 'koyomi work'");
    stage.execute("update koyomi.worker set lost_at = koyomi.now()"); // thirty seconds later
    stage.execute("select koyomi.sweep()");
    Stage.letGo(holder);

    stage.work(old, MANIFEST);

    stage.awaitEnd(DAY);
    stage.assertEachOnce(DAY);
  }

  /** The worker is in the middle of a run when chunks come that it cannot read. */
  @Test
  void anOldWorkerLeavesTheRunOfANewTriggerToANewWorkerAndComesBack() throws Exception {
    stage.fire(old, MANIFEST, DAY);
    stage.migrate();
    Connection holder = stage.hold(700);
    Stage.Running worker = stage.work(old, MANIFEST);
    stage.awaitAt(700);

    stage.fire(NEW, MANIFEST, NEXT_DAY);

    assertThat(stage.count("select count(*) from koyomi.chunk where jobs is null")).isPositive();
    stage.await(NO_OLD_ONE_IS_IN);
    Stage.Ended another = stage.work(old, MANIFEST).ended();
    assertThat(another.exit()).as(another.output()).isNotZero();
    assertThat(another.output())
        .contains(
            "this worker is of release 0.1.0, which does not know its payloads of batch "
                + BATCH
                + ": use a newer image");
    Stage.letGo(holder);
    stage.awaitALook();
    assertThat(stage.workedBy(1, NEXT_DAY)).isZero();
    stage.done(NEW, "work", "--drain", "--definition", stage.manifest(MANIFEST).toString());
    stage.assertEachOnce(DAY);
    stage.assertEachOnce(NEXT_DAY);
    assertThat(stage.workedBy(1, NEXT_DAY)).isZero();
    assertThat(stage.count("select count(*) from koyomi.failure")).isZero();

    stage.await(OLD_ONE_IS_IN);
    stage.fire(old, MANIFEST, THIRD_DAY);
    stage.awaitEnd(THIRD_DAY);
    stage.assertEachOnce(THIRD_DAY);
    assertThat(stage.workedBy(1, THIRD_DAY)).isEqualTo(TARGETS);
    assertThat(worker.printed()).doesNotContain("nobody foresaw");
  }

  @Test
  void anOldAndANewWorkerShareTheRunOfAnOldTrigger() throws Exception {
    stage.execute("update target set broken = true where id in (5, 1005)");
    stage.fire(old, MANIFEST, DAY);
    stage.migrate();
    // The old one has the first two of three portions, the new one takes the last.
    Connection first = stage.hold(100);
    Connection second = stage.hold(600);
    stage.work(old, MANIFEST);
    stage.awaitAt(100);
    stage.awaitAt(600);
    stage.work(NEW, MANIFEST);
    stage.await("select count(*) = 99 from effect where target > 1000");
    Stage.letGo(first);
    Stage.letGo(second);

    stage.awaitEnd(DAY);

    assertThat(stage.run(DAY))
        .isEqualTo("PartiallyFailed %d/%d/0/2/0".formatted(TARGETS, TARGETS - 2));
    stage.assertEffects(DAY, TARGETS - 2);
    assertThat(stage.workedBy(1, DAY)).isPositive();
    assertThat(stage.workedBy(2, DAY)).isPositive();
    stage.execute("update target set broken = false");
    stage.done(old, "failed", "retry", "effects");
    stage.awaitEnd(DAY);
    stage.assertEachOnce(DAY);
  }

  /** What 0.1.0 knows nothing of, and the word for it. */
  private record Unknown(String name, String manifest) {
    static Unknown of(String name, String text, String replacement) {
      assertThat(MANIFEST).contains(text);
      return new Unknown(name, MANIFEST.replace(text, replacement));
    }
  }

  private static final List<Unknown> UNKNOWN =
      List.of(
          Unknown.of("spec.job.order", "job:\n", "job:\n    order: {mode: Fifo}\n"),
          Unknown.of("spec.job.limits", "job:\n", "job:\n    limits: {concurrency: 1}\n"),
          Unknown.of("spec.job.limits", "job:\n", "job:\n    limits: {rate: 60000/m}\n"),
          Unknown.of(
              "spec.unit.commit",
              "unit:\n    sql: INSERT INTO effect (target, day) SELECT t.id, :day FROM target t"
                  + " WHERE t.id = :target AND touched(t.id)",
              "unit:\n    commit: {mode: Chunk}\n    sql: INSERT INTO effect (target, day) SELECT"
                  + " job.target, job.day FROM koyomi.jobs() AS job(\"target\" int, \"day\" date)"
                  + " WHERE touched(job.target)"));

  @Test
  void anOldWorkerLeavesWhatItDoesNotKnowToANewOne() throws Exception {
    stage.migrate();
    stage.register(MANIFEST, 1);
    Stage.Running worker = stage.work(old, MANIFEST);
    stage.awaitPrinted(worker, "worker started");
    int day = 0;
    for (Unknown unknown : UNKNOWN) {
      String date = "2026-11-%02d".formatted(++day);
      stage.await(OLD_ONE_IS_IN);
      stage.register(unknown.manifest, 2L * day);
      stage.await(NO_OLD_ONE_IS_IN);
      Stage.Running refused = stage.work(old, MANIFEST);
      stage.fire(NEW, unknown.manifest, date);
      stage.awaitALook();
      Stage.Ended another = refused.ended();
      assertThat(another.exit()).isNotZero();
      assertThat(another.output()).contains("does not know " + unknown.name);
      assertThat(stage.count("select count(*) from koyomi.slice where lease is not null")).isZero();

      String definition = stage.manifest(unknown.manifest).toString();
      stage.done(NEW, "work", "--drain", "--definition", definition);

      stage.assertEachOnce(date);
      assertThat(stage.workedBy(2, date)).as(unknown.manifest).isEqualTo(TARGETS);
      stage.register(MANIFEST, 2L * day + 1);
    }
    assertThat(worker.process().isAlive()).as(worker.printed()).isTrue();
    assertThat(worker.printed()).doesNotContain("nobody foresaw");
  }

  @Test
  void anOldWorkerObeysAPauseAndLeavesSingleJobs() throws Exception {
    stage.migrate();
    stage.register(MANIFEST, 1);
    stage.awaitPrinted(stage.work(old, MANIFEST), "worker started");
    stage.done(NEW, "queue", "pause", "effects");
    assertThat(stage.text("select (%s)::text".formatted(NO_OLD_ONE_IS_IN))).isEqualTo("true");
    stage.fire(old, MANIFEST, DAY);
    stage.awaitALook();
    assertThat(stage.count("select count(*) from koyomi.slice where lease is not null")).isZero();
    stage.done(NEW, "queue", "resume", "effects");
    stage.awaitEnd(DAY);
    stage.assertEachOnce(DAY);
    assertThat(stage.workedBy(1, DAY)).isEqualTo(TARGETS);

    stage.done(NEW, "enqueue", "effects", "--key", "7", "--payload", PAYLOAD);
    stage.awaitALook();
    assertThat(stage.count("select count(*) from koyomi.inbox")).isOne();
    stage.done(NEW, "work", "--once", "--definition", stage.manifest(MANIFEST).toString());
    stage.assertEffects("2027-01-01", 1);
    assertThat(stage.count("select count(*) from koyomi.inbox")).isZero();
  }

  /** Their chunks are such as the old worker, who is back by then, cannot read. */
  @Test
  void anOldWorkerLeavesRetriesOfANewRunToANewOne() throws Exception {
    stage.execute("update target set broken = true where id = 700");
    stage.migrate();
    stage.fire(NEW, MANIFEST, DAY);
    String definition = stage.manifest(MANIFEST).toString();
    assertThat(stage.run(NEW, "work", "--drain", "--definition", definition).exit()).isEqualTo(4);
    Stage.Running worker = stage.work(old, MANIFEST);
    stage.awaitPrinted(worker, "worker started");
    stage.execute("update target set broken = false");

    stage.done(old, "failed", "retry", "effects");

    assertThat(stage.text("select (%s)::text".formatted(NO_OLD_ONE_IS_IN))).isEqualTo("true");
    stage.awaitALook();
    stage.done(NEW, "work", "--drain", "--definition", definition);
    stage.assertEachOnce(DAY);
    assertThat(stage.workedBy(1, DAY)).isZero();
    assertThat(worker.printed()).doesNotContain("nobody foresaw");
  }

  @Test
  void anOldTriggerKeepsOffWhatItWouldSpoil() throws Exception {
    stage.migrate();
    stage.register(UNKNOWN.getFirst().manifest, 1);
    Stage.Ended unordered =
        stage.run(
            old, "trigger", "--definition", stage.manifest(MANIFEST).toString(), "--date", DAY);
    assertThat(unordered.exit()).isNotZero();
    assertThat(unordered.output())
        .contains("this trigger is of release 0.1.0, which does not know spec.job.order");
    assertThat(stage.count("select count(*) from koyomi.run")).isZero();

    stage.register(MANIFEST, 2);
    stage.fire(NEW, MANIFEST, NEXT_DAY);
    // Somebody has the run select again, and dies.
    stage.execute(
        "select koyomi.select_again(r.id, w.id, 1, r.revision, '1 minute') from koyomi.run r,"
            + " koyomi.worker w where w.kind = 'Trigger'");
    Stage.Ended takeover =
        stage.run(
            old,
            "trigger",
            "--definition",
            stage.manifest(MANIFEST).toString(),
            "--date",
            NEXT_DAY);
    assertThat(takeover.exit()).isNotZero();
    assertThat(takeover.output()).contains("would delete what run").contains("selected before");
    stage.fire(NEW, MANIFEST, NEXT_DAY);
    stage.done(NEW, "work", "--drain", "--definition", stage.manifest(MANIFEST).toString());
    stage.assertEffects(NEXT_DAY, TARGETS);
  }

  @Test
  void oldVerbsReadTheNewSchema() throws Exception {
    stage.execute("update target set broken = true where id in (5, 6, 1005)");
    stage.migrate();
    stage.fire(NEW, MANIFEST, DAY);
    String definition = stage.manifest(MANIFEST).toString();
    assertThat(stage.run(NEW, "work", "--drain", "--definition", definition).exit()).isEqualTo(4);
    stage.done(NEW, "failed", "discard", "effects", "--key", "6", "--reason", "closed", "--yes");
    stage.done(NEW, "enqueue", "effects", "--key", "7", "--payload", PAYLOAD);

    assertThat(stage.done(old, "runs", "effects")).contains("PartiallyFailed", "1,100", "1,097");
    assertThat(stage.done(old, "runs", "--output", "json")).contains("\"succeeded\" : 1097");
    assertThat(stage.done(old, "failed", "list", "effects"))
        .contains("1005", "target 1005 is broken");
    assertThat(stage.done(old, "failed", "show", "effects", "--key", "5"))
        .contains("target 5 is broken");
    assertThat(stage.done(old, "migrate")).contains("up to date");
    stage.execute("update target set broken = false");
    assertThat(stage.done(old, "failed", "retry", "effects", "--key", "5")).contains("1 job");
    assertThat(stage.done(old, "failed", "retry", "effects")).contains("1 job");
    stage.done(NEW, "work", "--once", "--definition", definition);
    stage.assertEffects(DAY, TARGETS - 1); // 6 stays discarded
  }

  @Test
  void newProcessesWaitForTheMigrationOrSaySo() throws Exception {
    stage.fire(old, MANIFEST, DAY);
    String definition = stage.manifest(MANIFEST).toString();
    String sentence =
        "koyomi: The queue's schema has version 1, this release needs 2: run `koyomi migrate`.\n";
    // All the others: SchemaBehindTest.
    for (String[] verb :
        new String[][] {
          {"trigger", "--definition", definition, "--date", NEXT_DAY},
          {"work", "--drain", "--definition", definition},
          {"runs"}
        }) {
      Stage.Ended ended = stage.run(NEW, verb);
      assertThat(ended.output()).isEqualTo(sentence);
      assertThat(ended.exit()).isEqualTo(75);
    }
    Stage.Running worker = stage.work(NEW, MANIFEST);
    stage.awaitPrinted(worker, "waiting for the queue");
    assertThat(worker.printed()).contains("this release needs 2");

    stage.migrate();

    stage.awaitEnd(DAY);
    stage.assertEachOnce(DAY);
    assertThat(stage.workedBy(2, DAY)).isEqualTo(TARGETS);

    // Some day a schema leaves 0.1.0 behind, and says so in the one number that it reads.
    stage.execute("update koyomi.meta set schema_version = 2");
    for (String verb : List.of("trigger", "work")) {
      Stage.Ended ended =
          stage.run(
              old,
              verb,
              "--definition",
              definition,
              verb.equals("work") ? "--once" : "--date=" + NEXT_DAY);
      assertThat(ended.exit()).as(ended.output()).isEqualTo(75);
      assertThat(ended.output())
          .contains(
              "The queue's schema has version 2, this release knows only 1: use the newer release");
    }
  }

  @Test
  void theMigrationSaysWhomItWaitsFor() throws Exception {
    Stage.Running migrate;
    try (Connection reader = DATABASE.dataSource().getConnection()) {
      reader.setAutoCommit(false);
      reader.createStatement().execute("select from koyomi.work");
      migrate = stage.start(NEW, "migrate");
      stage.awaitPrinted(migrate, "waits for its turn");
      reader.rollback();
    }

    assertThat(migrate.ended().output())
        .matches(
            """
            koyomi: Process .*: the migration waits for its turn, and jobs go on meanwhile.
            The queue's schema was brought from version 1 to 2.
            """);
  }

  @Test
  void keepsAndFinishesWhatADatabaseOfTheReleaseBeforeHolds() throws Exception {
    String definition = stage.manifest(MANIFEST).toString();
    // A run that is over, with two jobs that need attention.
    stage.execute("update target set broken = true where id in (5, 1005)");
    stage.fire(old, MANIFEST, DAY);
    stage.run(old, "work", "--drain", "--definition", definition);
    assertThat(stage.run(DAY)).startsWith("PartiallyFailed");
    // One that was cancelled while jobs of it had a second attempt before them.
    stage.fire(old, MANIFEST, NEXT_DAY);
    stage.execute("delete from koyomi.slice where id <> (select min(id) from koyomi.slice)");
    stage.execute(
        "update koyomi.run set selected = 500 where logical_date = '%s'".formatted(NEXT_DAY));
    stage.execute(
        "delete from koyomi.chunk c where c.run_id = 2 and not exists (select from koyomi.slice s"
            + " where s.chunk_id = c.id)");
    stage.execute(
        "create function later() returns trigger language plpgsql as $$ begin new.due_at ="
            + " 'infinity'; return new; end $$");
    stage.execute(
        "create trigger later before insert on koyomi.slice for each row when (new.attempt = 2)"
            + " execute function later()");
    stage.run(old, "work", "--once", "--definition", definition);
    stage.execute("drop function later cascade");
    assertThat(stage.count("select count(*) from koyomi.slice where run_id = 2 and attempt = 2"))
        .isOne();
    stage.execute("select koyomi.cancel_run(2, 'by hand')");
    // One in the middle, whose worker is killed; a failed job waits for its second attempt.
    stage.fire(old, MANIFEST, THIRD_DAY);
    Connection holder = stage.hold(700);
    Stage.Running killed = stage.work(old, MANIFEST);
    stage.awaitAt(700);
    stage.await("select count(*) > 0 from koyomi.failure where run_id = 3");
    killed.process().destroyForcibly().waitFor();
    stage.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            + " and application_name = 'koyomi work'");
    Stage.letGo(holder);
    stage.execute("update koyomi.worker set lost_at = koyomi.now() where stopped_at is null");
    String runs =
        "select string_agg(format('%s %s %s %s %s %s %s', id, state, selected, succeeded, dead,"
            + " cancelled, retrying), ', ' order by id) from koyomi.runs";
    String before = stage.text(runs);

    stage.migrate();

    assertThat(stage.text(runs)).isEqualTo(before);
    assertThat(stage.text("select time_zone from koyomi.batch")).isEqualTo("Asia/Tokyo");
    stage.execute("update target set broken = false");
    stage.run(NEW, "work", "--drain", "--definition", definition);
    stage.assertEachOnce(THIRD_DAY);
    stage.done(NEW, "failed", "retry", "effects", "--run", "1");
    stage.done(NEW, "work", "--drain", "--definition", definition);
    stage.assertEachOnce(DAY);
    // Which job of it was cancelled is not known any more: none is done twice.
    stage.execute("delete from target where id > 500");
    stage.done(NEW, "redispatch", "effects", "--run", "2");
    stage.done(NEW, "work", "--drain", "--definition", definition);
    stage.assertEffects(NEXT_DAY, 499);
  }
}
