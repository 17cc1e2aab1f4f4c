package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What the server shows of our sessions, and how it limits them, as those sessions see it. */
final class SessionsTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  @TempDir private Path folder;

  private static String text(String sql) {
    return database.jdbi().withHandle(handle -> handle.createQuery(sql).mapTo(String.class).one());
  }

  @Test
  void tellWhoTheyAreAndEndWhenTheirClientIsGone() throws Exception {
    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    """
                    create table seen (who text, what text);
                    create function session() returns text language sql as $$
                      select string_agg(current_setting(name), ' ' order by n)
                        from unnest(array['application_name', 'statement_timeout', 'lock_timeout',
                          'idle_in_transaction_session_timeout', 'client_connection_check_interval'])
                          with ordinality as s(name, n) $$;
                    create function note() returns trigger language plpgsql as $$
                    begin
                      insert into seen values (tg_argv[0], session());
                      return null;
                    end $$;
                    create trigger note after update on koyomi.batch
                      for each row when (old.paused_at is distinct from new.paused_at) execute function note('verb');
                    create trigger note after update on koyomi.worker
                      for each row when (new.kind = 'Worker' and old.stopped_at is not distinct from new.stopped_at)
                      execute function note('beat')
                    """));
    String manifest =
        Files.writeString(
                folder.resolve("x.yaml"),
                """
                apiVersion: koyomi.dev/v1alpha1
                kind: BatchSchedule
                metadata: {name: x, namespace: billing}
                spec:
                  schedules: [{name: nightly, cron: "0 1 * * *"}]
                  trigger: {sql: 'select 1 as key, session() as "byTrigger"', timeout: 3m}
                  unit: {sql: "insert into seen values ('trigger', :byTrigger), ('unit', session())", timeout: 20s}
                  workers: {concurrency: 1}
                """)
            .toString();
    Typed.Place place = Typed.on(database.address());
    assertThat(place.type("trigger", "--definition", manifest, "--date", "2026-11-01").exitCode())
        .isZero();
    assertThat(place.type("queue", "pause", "x").exitCode()).isZero();
    assertThat(place.type("queue", "resume", "x").exitCode()).isZero();
    assertThat(place.type("work", "--definition", manifest, "--drain").exitCode()).isZero();

    String worker = text("select max(id)::text from koyomi.worker where kind = 'Worker'");
    assertThat(text("select what from seen where who = 'trigger'"))
        .isEqualTo("koyomi trigger billing/x 3min 0 3min 5s");
    assertThat(text("select string_agg(what, ', ') from seen where who = 'verb'"))
        .isEqualTo("koyomi queue pause 10min 30s 1min 5s, koyomi queue resume 10min 30s 1min 5s");
    assertThat(text("select what from seen where who = 'unit'"))
        .contains("worker " + worker, "slot 1")
        .endsWith(" 21s 0 31s 5s");
    assertThat(
            text(
                "select string_agg(distinct what, ', ') from seen where who ="
                    + " 'beat' and what like '%heart%'"))
        .isEqualTo("koyomi worker %s heart 30s 5s 30s 5s".formatted(worker));
  }
}
