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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Every verb that speaks to the database, on each database that it cannot work with. */
final class WrongDatabaseTest {
  @RegisterExtension static final TestDatabase database = new TestDatabase();

  /** Those that change nothing. */
  private static final Set<String> READING =
      Set.of("runs", "jobs", "why", "queue show", "failed list", "failed show");

  /** Those that act for an installation; people act where they are let in. */
  private static final Set<String> OF_AN_INSTALLATION = Set.of("migrate", "trigger", "work");

  @TempDir private Path folder;

  private Map<String, List<String>> verbs = Map.of();

  @BeforeEach
  void aRunWithAJobThatNeedsAttention() throws Exception {
    database.clear();
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("create table if not exists target (id int primary key)");
              handle.execute("insert into target values (1), (2) on conflict do nothing");
            });
    String manifest =
        Files.writeString(
                folder.resolve("x.yaml"),
                """
                apiVersion: koyomi.dev/v1alpha1
                kind: BatchSchedule
                metadata: {name: x, namespace: billing}
                spec:
                  schedules: [{name: nightly, cron: "0 1 * * *"}]
                  trigger: {sql: "select id as key, id from target"}
                  job: {retry: {maxAttempts: 1}}
                  unit: {sql: "update target set id = id where id = 1 / (cast(:id as int) - 2)"}
                  workers: {concurrency: 1}
                """)
            .toString();
    Typed.Place right = Typed.on(database.address());
    right.type("trigger", "--definition", manifest, "--date", "2026-11-01");
    right.type("work", "--definition", manifest, "--drain");
    verbs = new LinkedHashMap<>();
    add("migrate");
    add("trigger", "--definition", manifest, "--date", "2026-11-01");
    add("work", "--definition", manifest, "--once");
    add("run", "x", "--date", "2026-11-01", "--again", "--yes");
    add("runs");
    add("jobs", "x");
    add("failed list");
    add("failed show", "x");
    add("failed retry", "x");
    add("failed discard", "x", "--reason", "test", "--yes");
    add("queue show", "x");
    add("queue pause", "x");
    add("queue resume", "x");
    add("queue clear", "x", "--yes");
    add("refresh", "x", "--yes");
    add("redispatch", "x", "--yes");
    add("cancel", "x", "--run", "1", "--yes");
    add("why", "x");
    add("enqueue", "x", "--key", "1", "--payload", "{\"id\": 1}");
  }

  private void add(String verb, String... more) {
    verbs.put(
        verb,
        java.util.stream.Stream.concat(List.of(verb.split(" ")).stream(), List.of(more).stream())
            .toList());
  }

  /** All verbs at the same time. */
  private Map<String, Typed> all(Typed.Place place) throws Exception {
    place.impatient();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Map<String, Future<Typed>> typed = new LinkedHashMap<>();
      verbs.forEach(
          (verb, words) ->
              typed.put(verb, threads.submit(() -> place.type(words.toArray(String[]::new)))));
      Map<String, Typed> ended = new LinkedHashMap<>();
      for (var each : typed.entrySet()) {
        ended.put(each.getKey(), each.getValue().get());
      }
      return ended;
    }
  }

  private static void assertSays(Map<String, Typed> ended, int exitCode, String... words) {
    ended.forEach(
        (verb, typed) -> {
          assertThat(typed.err())
              .as(verb)
              .startsWith("koyomi: ")
              .hasLineCount(1)
              .endsWith(".\n")
              .contains(words)
              .doesNotContain("Exception", "dev.koyomi", "ERROR", "s3cret");
          assertThat(typed.exitCode()).as(verb).isEqualTo(exitCode);
        });
  }

  private static Map<String, Typed> only(Map<String, Typed> ended, Set<String> verbs) {
    return ended.entrySet().stream()
        .filter(each -> verbs.contains(each.getKey()))
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  private static Map<String, Typed> without(Map<String, Typed> ended, Set<String> verbs) {
    return ended.entrySet().stream()
        .filter(each -> !verbs.contains(each.getKey()))
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  private static DatabaseAddress at(String change, String into) {
    DatabaseAddress right = database.address();
    return new DatabaseAddress(
        right.jdbcUrl().replaceFirst(change, into), right.username(), right.password());
  }

  private static DatabaseAddress as(String user, String password) {
    return new DatabaseAddress(database.address().jdbcUrl(), user, password);
  }

  private static void superuser(String... statements) {
    try (Database superuser = Database.direct(database.superuser(), "test")) {
      superuser
          .jdbi()
          .useHandle(handle -> List.of(statements).forEach(statement -> handle.execute(statement)));
    }
  }

  @Test
  void wrongPassword() throws Exception {
    assertSays(
        all(Typed.on(as(database.address().username(), "s3cret"))),
        ExitCode.TRY_AGAIN,
        "The database refuses the user: password authentication failed",
        "Check user name and password");
  }

  @Test
  void databaseThatDoesNotExist() throws Exception {
    assertSays(
        all(Typed.on(at("/koyomi_[0-9]+", "/nowhere"))),
        ExitCode.TRY_AGAIN,
        "database \"nowhere\" does not exist",
        "Create it, or name another one");
  }

  @Test
  void connectionRefused() throws Exception {
    int free;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      free = socket.getLocalPort();
    }
    assertSays(
        all(Typed.on(at(":[0-9]+/", ":" + free + "/"))),
        ExitCode.TRY_AGAIN,
        "The database cannot be reached: Connection to 127.0.0.1:" + free + " refused");
  }

  @Test
  void hostUnknown() throws Exception {
    assertSays(
        all(Typed.on(at("//[^/]+/", "//no-such-host.invalid:5432/"))),
        ExitCode.TRY_AGAIN,
        "The database cannot be reached: there is no host no-such-host.invalid");
  }

  @Test
  void tooManyConnections() throws Exception {
    superuser(
        "drop role if exists crowded",
        "create role crowded login password 'crowded' connection limit 0");
    assertSays(
        all(Typed.on(as("crowded", "crowded"))),
        ExitCode.TRY_AGAIN,
        "The database is out of resources: too many connections for role \"crowded\"");
  }

  @Test
  void noRightToTheQueue() throws Exception {
    superuser("drop role if exists stranger2", "create role stranger2 login password 'stranger'");
    assertSays(
        all(Typed.on(as("stranger2", "stranger"))),
        ExitCode.TRY_AGAIN,
        "The database user lacks a right: permission denied for schema koyomi",
        "Grant it");
  }

  @Test
  void noRightToMakeTheQueue() throws Exception {
    superuser("drop role if exists poor2", "create role poor2 login password 'poor'");
    DatabaseAddress empty = at("/koyomi_[0-9]+", "/postgres");
    Typed typed = Typed.on(new DatabaseAddress(empty.jdbcUrl(), "poor2", "poor")).type("migrate");
    assertSays(
        Map.of("migrate", typed),
        ExitCode.TRY_AGAIN,
        "The database user lacks a right: permission denied for database postgres");
  }

  @Test
  void readOnlyServer() throws Exception {
    superuser(
        "alter role %s in database %s set default_transaction_read_only = on"
            .formatted(user(), name()));
    try {
      Map<String, Typed> ended = all(Typed.on(database.address()));
      only(ended, READING).forEach((verb, typed) -> assertThat(typed.exitCode()).as(verb).isZero());
      // Its schema is as it must be; there is nothing to write.
      assertThat(Objects.requireNonNull(ended.get("migrate")).all()).contains("up to date");
      Map<String, Typed> writing = without(without(ended, READING), Set.of("migrate"));
      assertSays(writing, ExitCode.TRY_AGAIN, "The database is read-only", "Name the primary");
    } finally {
      superuser(
          "alter role %s in database %s reset default_transaction_read_only"
              .formatted(user(), name()));
    }
  }

  private static String name() {
    String url = database.address().jdbcUrl();
    return url.substring(url.lastIndexOf('/') + 1);
  }

  @Test
  void noQueueYet() throws Exception {
    Map<String, Typed> ended = all(Typed.on(at("/koyomi_[0-9]+", "/postgres")));
    assertSays(
        without(ended, Set.of("migrate")),
        ExitCode.TRY_AGAIN,
        "The database has no queue yet (schema koyomi): run `koyomi migrate`");
  }

  @Test
  void olderSchema() throws Exception {
    superuser("drop database if exists older", "create database older owner " + user());
    DatabaseAddress older = at("/koyomi_[0-9]+", "/older");
    Flyway.configure()
        .dataSource(older.jdbcUrl(), older.username(), older.password())
        .defaultSchema("koyomi")
        .table("schema_history")
        .target("1")
        .load()
        .migrate();
    verbs.remove("migrate");
    assertSays(
        all(Typed.on(older)),
        ExitCode.TRY_AGAIN,
        "The queue's schema has version 1, this release needs 2: run `koyomi migrate`");
    assertThat(Typed.on(older).type("migrate").exitCode()).isZero();
  }

  private static String user() {
    return database.address().username();
  }

  @Test
  void newerSchema() throws Exception {
    database
        .jdbi()
        .useHandle(
            handle -> handle.execute("update koyomi.meta set version = 99, schema_version = 99"));
    try {
      assertSays(
          all(Typed.on(database.address())),
          ExitCode.TRY_AGAIN,
          "The queue's schema has version 99, this release knows only 2",
          "use the newer release that made it");
    } finally {
      database
          .jdbi()
          .useHandle(
              handle -> handle.execute("update koyomi.meta set version = 2, schema_version = 2"));
    }
  }

  @Test
  void queueOfAnotherInstallation() throws Exception {
    database
        .jdbi()
        .useHandle(handle -> handle.execute("update koyomi.meta set installation = 'production'"));
    try {
      Map<String, Typed> ended =
          all(Typed.on(database.address()).with("KOYOMI_INSTALLATION", "staging"));
      assertSays(
          only(ended, OF_AN_INSTALLATION),
          ExitCode.TRY_AGAIN,
          "belongs to the installation production, and this is the installation staging",
          "`koyomi migrate --adopt staging`");
      without(ended, OF_AN_INSTALLATION)
          .forEach(
              (verb, typed) -> assertThat(typed.err()).as(verb).doesNotContain("installation"));
    } finally {
      database
          .jdbi()
          .useHandle(handle -> handle.execute("update koyomi.meta set installation = null"));
    }
  }

  /** Without the right to temporary objects a Unit is not compiled, and works. */
  @Test
  void noRightToCompile() {
    superuser(
        "revoke temporary on database %s from public".formatted(name()),
        "revoke temporary on database %s from %s".formatted(name(), user()));
    try {
      Typed.Place place = Typed.on(database.address());
      place.type("enqueue", "x", "--key", "1", "--payload", "{\"id\": 1}");
      Typed work =
          place.type(
              "work", "--definition", Objects.requireNonNull(verbs.get("work")).get(2), "--once");
      assertThat(work.all()).endsWith("--- exit code 0\n").doesNotContain("koyomi:");
      long done =
          database
              .jdbi()
              .withHandle(
                  handle ->
                      handle
                          .createQuery("select sum(succeeded + skipped) from koyomi.runs")
                          .mapTo(Long.class)
                          .one());
      assertThat(done).as("that of before, and this one").isEqualTo(2);
    } finally {
      superuser("grant temporary on database %s to public, %s".formatted(name(), user()));
    }
  }

  /** The queue's role may not touch the tables of the batch. */
  @Test
  void noRightToTheUsersTable() throws IOException {
    superuser("alter table target owner to postgres", "revoke all on target from public");
    try {
      Typed trigger =
          Typed.on(database.address())
              .type(
                  "trigger",
                  "--definition",
                  Objects.requireNonNull(verbs.get("trigger")).get(2),
                  "--date",
                  "2026-11-02");
      assertSays(
          Map.of("trigger", trigger),
          ExitCode.TRY_AGAIN,
          "The database user lacks a right: permission denied for table target");
      // A Unit's job is set aside with its cause, and can be retried when the right was granted.
      Typed.Place place = Typed.on(database.address());
      place.type("enqueue", "x", "--key", "7", "--payload", "{\"id\": 1}");
      place.type(
          "work", "--definition", Objects.requireNonNull(verbs.get("work")).get(2), "--once");
      assertThat(place.type("failed", "show", "x", "--key", "7").all())
          .contains("permission denied for table target")
          .endsWith("--- exit code 0\n");
    } finally {
      superuser("alter table target owner to " + user());
    }
  }
}
