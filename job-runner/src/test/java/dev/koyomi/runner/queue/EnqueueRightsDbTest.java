package dev.koyomi.runner.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.db.Database;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The grants that the page names are enough, and show nothing that it does not name. */
final class EnqueueRightsDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  @Test
  void aRoleWithTheGrantsOfThePageEnqueues() throws Exception {
    Billing billing = Billing.with(DATABASE, 1);
    billing.join();
    billing.execute("update koyomi.worker set idle = 1, hindered = 'no such host: secret'");
    List<String> grants =
        Files.readAllLines(Path.of("..", "docs", "enqueue.md")).stream()
            .filter(line -> line.startsWith("GRANT "))
            .toList();

    try (Database admin = Database.direct(DATABASE.superuser(), "test")) {
      admin
          .jdbi()
          .useHandle(
              handle -> {
                handle.execute("create role shop");
                grants.forEach(handle::execute);
                handle.execute("set role shop");
                for (String how :
                    List.of("", ", unique_while => 'Unfinished'", ", unique_for => '1 minute'")) {
                  for (int time = 0; time < 2; time++) {
                    handle.execute(
                        "select koyomi.enqueue('billing/invoices', 'a%d', '{}'%s)"
                            .formatted(how.length(), how));
                  }
                }
                assertThat(
                        handle
                            .createQuery(
                                "select has_column_privilege('koyomi.worker', 'hindered',"
                                    + " 'select') or has_column_privilege('koyomi.inbox', 'jobs',"
                                    + " 'select')")
                            .mapTo(Boolean.class)
                            .one())
                    .isFalse();
                handle.execute("reset role");
                handle.execute("drop owned by shop");
                handle.execute("drop role shop");
              });
    }
    assertThat(billing.count("select count(*) from koyomi.inbox")).isEqualTo(4);
  }
}
