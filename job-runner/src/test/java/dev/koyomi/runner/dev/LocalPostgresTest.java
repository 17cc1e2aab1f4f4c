package dev.koyomi.runner.dev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LocalPostgresTest {
  private static final Path FOLDER = Path.of("target", "local-postgres").toAbsolutePath();

  @BeforeEach
  void wipe() {
    start(true, false).close();
  }

  @Test
  void keepsItsDataFromOneStartToTheNext() throws Exception {
    try (LocalPostgres first = start(false, false)) {
      execute(first.address(), "create table kept as select 42 as answer");
    }
    try (LocalPostgres second = start(false, false)) {
      assertThat(one(second.address(), "select answer from kept")).isEqualTo("42");
    }
  }

  @Test
  void startsEmptyWhenFresh() throws Exception {
    try (LocalPostgres first = start(false, false)) {
      execute(first.address(), "create table kept as select 42 as answer");
    }
    try (LocalPostgres second = start(true, false)) {
      assertThat(one(second.address(), "select to_regclass('kept')")).isNull();
    }
  }

  @Test
  void stopsTheServerAtTheNormalEnd() throws Exception {
    LocalPostgres postgres = start(false, false);
    Postmaster postmaster = Postmaster.read(data(postgres)).orElseThrow();
    postgres.close();
    assertThatItEnds(postmaster);
    assertThat(Postmaster.file(data(postgres))).doesNotExist();
  }

  @Test
  void leavesTheServerToAnotherUserOfTheFolder() throws Exception {
    LocalPostgres ours = start(false, false);
    Process other = startInAnotherProcess();
    ours.close();
    assertThat(one(ours.address(), "select 1")).isEqualTo("1");
    other.outputWriter().append("stop\n").close();
    assertThat(other.waitFor()).isZero();
    assertThat(Postmaster.file(data(ours))).doesNotExist();
  }

  @Test
  void findsTheServerOfAKilledProcessAgain() throws Exception {
    Process killed = startInAnotherProcess();
    killed.destroyForcibly().waitFor();
    Postmaster left = Postmaster.read(FOLDER.resolve("data")).orElseThrow();
    assertThat(left.isAlive()).isTrue();
    try (LocalPostgres found = start(false, true)) {
      assertThat(Postmaster.read(data(found))).contains(left);
      assertThat(one(found.address(), "select 1")).isEqualTo("1");
    }
    assertThatItEnds(left);
  }

  @Test
  void isNotMisledByTheProcessNumberOfAnotherProgram() throws Exception {
    Path data = FOLDER.resolve("data");
    Files.write(
        Postmaster.file(data),
        List.of(
            Long.toString(ProcessHandle.current().pid()),
            data.toString(),
            "1",
            "1",
            "",
            "127.0.0.1"));
    try (LocalPostgres postgres = start(false, false)) {
      assertThat(one(postgres.address(), "select 1")).isEqualTo("1");
    }
  }

  @Test
  void recoversFromAKilledServer() throws Exception {
    LocalPostgres killed = start(false, false);
    execute(killed.address(), "create table kept as select 42 as answer");
    long pid = Postmaster.read(data(killed)).orElseThrow().pid();
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    ProcessHandle.of(pid).ifPresent(process -> process.onExit().join());
    killed.close();
    try (LocalPostgres next = start(false, false)) {
      assertThat(one(next.address(), "select answer from kept")).isEqualTo("42");
    }
  }

  @Test
  void refusesASecondWorkerInTheFolderWithASentence() {
    try (LocalPostgres working = start(false, true)) {
      assertThatThrownBy(() -> start(false, true))
          .isInstanceOf(LocalPostgresException.class)
          .hasMessage(
              "Another command works on the local database in %s: wait for its end, or stop it with Ctrl-C."
                  .formatted(FOLDER));
      assertThatThrownBy(() -> start(true, false))
          .hasMessageContaining("which therefore cannot be wiped");
    }
  }

  @Test
  void isNoSuperuserAndNeedsThePassword() throws Exception {
    try (LocalPostgres postgres = start(false, false)) {
      assertThat(one(postgres.address(), "show is_superuser")).isEqualTo("off");
      assertThat(one(postgres.superuser(), "show is_superuser")).isEqualTo("on");
      assertThatThrownBy(
              () ->
                  DriverManager.getConnection(
                      postgres.address().jdbcUrl(), LocalPostgres.DATABASE, "guessed"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("password authentication failed");
    }
  }

  private static LocalPostgres start(boolean fresh, boolean alone) {
    return LocalPostgres.start(
        FOLDER, new LocalPostgres.Options(fresh, alone, Map.of("fsync", "off")));
  }

  private static Path data(LocalPostgres postgres) {
    return postgres.folder().resolve("data");
  }

  private static Process startInAnotherProcess() throws IOException {
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-cp",
                System.getProperty("java.class.path"),
                StartAndWait.class.getName(),
                FOLDER.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertThat(process.inputReader().readLine()).isEqualTo("started");
    return process;
  }

  /** Stands for another command, which ends when it is told to or is killed. */
  static final class StartAndWait {
    public static void main(String[] folder) throws Exception {
      try (LocalPostgres _ =
          LocalPostgres.start(
              Path.of(folder[0]), new LocalPostgres.Options(false, true, Map.of("fsync", "off")))) {
        System.out.println("started");
        System.in.read();
      }
    }
  }

  private static void assertThatItEnds(Postmaster postmaster) {
    ProcessHandle.of(postmaster.pid()).ifPresent(process -> process.onExit().join());
    assertThat(postmaster.isAlive()).isFalse();
  }

  private static void execute(DatabaseAddress address, String sql) throws SQLException {
    try (Connection connection = connect(address)) {
      connection.createStatement().execute(sql);
    }
  }

  private static String one(DatabaseAddress address, String sql) throws SQLException {
    try (Connection connection = connect(address);
        var row = connection.createStatement().executeQuery(sql)) {
      row.next();
      return row.getString(1);
    }
  }

  private static Connection connect(DatabaseAddress address) throws SQLException {
    return DriverManager.getConnection(address.jdbcUrl(), address.username(), address.password());
  }
}
