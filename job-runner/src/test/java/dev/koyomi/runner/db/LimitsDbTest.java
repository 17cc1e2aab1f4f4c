package dev.koyomi.runner.db;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.settings.DatabaseAddress;
import dev.koyomi.runner.testing.TestDatabase;
import dev.koyomi.runner.testing.Wire;
import java.net.URI;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A client that is gone leaves nothing locked. */
@Timeout(120)
final class LimitsDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  /** The tests' server checks on its clients by itself: here only what we ask for counts. */
  @BeforeAll
  static void aServerWithItsDefaults() {
    String url = DATABASE.address().jdbcUrl();
    superuser(
        "alter database %s set client_connection_check_interval = 0"
            .formatted(url.substring(url.lastIndexOf('/') + 1)));
  }

  private static void superuser(String statement) {
    try (Database superuser = Database.direct(DATABASE.superuser(), "test")) {
      superuser.jdbi().useHandle(handle -> handle.execute(statement));
    }
  }

  @BeforeEach
  void aRow() {
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("create table if not exists held (id int)");
              handle.execute("truncate held");
              handle.execute("insert into held values (1)");
            });
  }

  private static List<String> shown(Connection connection) throws SQLException {
    try (var row =
        connection
            .createStatement()
            .executeQuery(
                """
                select array_to_string(array_agg(current_setting(name) order by n), ' ')
                from unnest(array['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                                  'client_connection_check_interval', 'tcp_keepalives_idle',
                                  'application_name']) with ordinality as s(name, n)
                """)) {
      row.next();
      return List.of(row.getString(1).split(" ", 6));
    }
  }

  @Test
  void everyKindOfConnectionHasItsLimits() throws Exception {
    DatabaseAddress address = DATABASE.address();
    try (Database verb = Database.direct(address, "koyomi runs");
        Database migrate = Database.direct(address, "koyomi migrate", Limits.MIGRATION);
        Database pool =
            Database.pooled(
                address,
                "koyomi trigger billing/invoices",
                2,
                Duration.ofSeconds(5),
                Duration.ofMinutes(10));
        Connection ofVerb = verb.dataSource().getConnection();
        Connection ofMigrate = migrate.dataSource().getConnection();
        Connection pooled = pool.dataSource().getConnection();
        Connection heart = pool.own("koyomi worker 7 heart", Limits.HEARTBEAT)) {
      assertThat(shown(ofVerb)).containsExactly("10min", "30s", "1min", "5s", "60", "koyomi runs");
      assertThat(shown(ofMigrate))
          .containsExactly("6h", "30s", "10min", "5s", "60", "koyomi migrate");
      assertThat(shown(pooled))
          .containsExactly("11min", "0", "11min", "5s", "60", "koyomi trigger billing/invoices");
      assertThat(shown(heart))
          .containsExactly("30s", "5s", "30s", "5s", "60", "koyomi worker 7 heart");
      // The client's side: a server that is silent for longer than its own limit is gone.
      assertThat(ofVerb.getNetworkTimeout()).isEqualTo(Duration.ofMinutes(11).toMillis());
      assertThat(heart.getNetworkTimeout()).isEqualTo(Duration.ofMinutes(12).toMillis());
    }
  }

  /** The queue's functions rely on seeing what was committed while they waited for a lock. */
  @Test
  void aRolesIsolationIsNotOurs() throws Exception {
    String user = DATABASE.address().username();
    superuser("alter role %s set default_transaction_isolation = 'serializable'".formatted(user));
    try (Database database = Database.direct(DATABASE.address(), "koyomi test");
        Connection connection = database.dataSource().getConnection()) {
      assertThat(connection.getTransactionIsolation())
          .isEqualTo(Connection.TRANSACTION_READ_COMMITTED);
    } finally {
      superuser("alter role %s reset default_transaction_isolation".formatted(user));
    }
  }

  @Test
  void aServerWhoseClientIsCutOffInAStatementLetsTheRowGo() throws Exception {
    try (Wire wire = new Wire(port());
        Database database = Database.direct(over(wire), "koyomi test")) {
      Connection lost = database.dataSource().getConnection();
      Thread working =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      lost.createStatement()
                          .execute("begin; update held set id = 2; select pg_sleep(100)");
                    } catch (SQLException cut) {
                      // As intended.
                    }
                  });
      awaitSleeper();
      wire.cut();
      working.join();
      assertThat(lockedWithin(Duration.ofSeconds(20))).isTrue();
    }
  }

  /** The network swallows everything: neither side hears that the other is gone. */
  @Test
  void aServerThatHearsNothingMoreInATransactionLetsTheRowGo() throws Exception {
    Limits limits = new Limits(Duration.ofSeconds(30), Duration.ZERO, Duration.ofSeconds(1));
    try (Wire wire = new Wire(port());
        Database database = Database.direct(over(wire), "koyomi test", limits)) {
      Connection lost = database.dataSource().getConnection();
      lost.setAutoCommit(false);
      lost.createStatement().execute("update held set id = 2");
      wire.swallow();
      assertThat(lockedWithin(Duration.ofSeconds(20))).isTrue();
    }
  }

  private static boolean lockedWithin(Duration patience) throws SQLException {
    try (Connection other = DATABASE.dataSource().getConnection();
        var statement = other.createStatement()) {
      statement.execute("set lock_timeout = %d".formatted(patience.toMillis()));
      try (var row = statement.executeQuery("select id from held for update")) {
        row.next();
        assertThat(row.getInt(1)).as("what was done was rolled back").isEqualTo(1);
        return true;
      } catch (SQLException e) {
        assertThat(e.getSQLState()).isEqualTo("55P03");
        return false;
      } finally {
        statement.execute("reset lock_timeout");
      }
    }
  }

  private static void awaitSleeper() {
    while (DATABASE
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery(
                            "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
                                + " and application_name = 'koyomi test'")
                        .mapTo(Long.class)
                        .one())
        == 0) {
      Thread.onSpinWait();
    }
  }

  private static DatabaseAddress over(Wire wire) {
    DatabaseAddress address = DATABASE.address();
    return new DatabaseAddress(
        address.jdbcUrl().replace(":" + port() + "/", ":" + wire.port() + "/"),
        address.username(),
        address.password());
  }

  private static int port() {
    return URI.create(DATABASE.address().jdbcUrl().substring("jdbc:".length())).getPort();
  }
}
