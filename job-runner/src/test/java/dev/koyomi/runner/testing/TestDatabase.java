package dev.koyomi.runner.testing;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.settings.DatabaseAddress;
import java.time.Duration;
import java.util.Objects;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A database of one's own for a test class, migrated, on a real PostgreSQL whose sessions are in
 * another time zone than anybody expects.
 *
 * <pre>{@code
 * @RegisterExtension static final TestDatabase database = new TestDatabase();
 * }</pre>
 */
public final class TestDatabase implements BeforeAllCallback, AfterAllCallback {
  private static final int CONNECTIONS = 32;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private @Nullable DatabaseAddress address;
  private @Nullable Database database;

  @Override
  public void beforeAll(ExtensionContext context) {
    address = TestServer.shared().copy();
    database = Database.pooled(address, "test", CONNECTIONS, PATIENCE, PATIENCE);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    database().close();
  }

  public DatabaseAddress address() {
    return Objects.requireNonNull(address, "the extension has not started");
  }

  /** The same database for PostgreSQL's superuser. */
  public DatabaseAddress superuser() {
    String url = address().jdbcUrl();
    return TestServer.shared().superuser(url.substring(url.lastIndexOf('/') + 1));
  }

  public Database database() {
    return Objects.requireNonNull(database, "the extension has not started");
  }

  public DataSource dataSource() {
    return database().dataSource();
  }

  public Jdbi jdbi() {
    return database().jdbi();
  }

  /** Replaces {@code koyomi.now()}, for all sessions, by a clock that only the test moves. */
  public TestClock stopClock() {
    return TestClock.install(jdbi());
  }

  /** Gives the queue the server's clock again. */
  public void startClock() {
    TestClock.remove(jdbi());
  }

  /** Empties all tables of the queue, so that test methods of a class do not meet. */
  public void clear() {
    jdbi()
        .useHandle(
            handle -> {
              String tables =
                  handle
                      .createQuery(
                          """
                          select string_agg(format('%I.%I', schemaname, tablename), ', ')
                          from pg_tables
                          where schemaname = 'koyomi' and tablename not in ('meta', 'schema_history')
                          """)
                      .mapTo(String.class)
                      .one();
              handle.execute("truncate " + tables + " restart identity cascade");
              handle.execute("alter sequence koyomi.job_id restart");
            });
  }
}
