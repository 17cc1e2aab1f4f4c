package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.Workers;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who this process is to the queue. */
final class MembershipDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private Billing billing;
  private Membership membership;

  @BeforeEach
  void batch() {
    billing = Billing.with(DATABASE, 1);
    membership =
        new Membership(
            new Workers(DATABASE.jdbi()),
            "pod",
            billing.batchId(),
            new Hindrance(Duration.ofMinutes(1), System::nanoTime));
  }

  private long living() {
    return billing.count(
        "select count(*) from koyomi.worker where stopped_at is null and lost_at is null");
  }

  @Test
  void joinsAnewAfterItWasDeclaredLost() throws Exception {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      membership.join(connection);
      billing.execute("update koyomi.worker set lost_at = koyomi.now()");

      membership.beat(connection, 0);
    }
    assertThat(living()).isEqualTo(1);
  }

  @Test
  void doesNotJoinAnewByAHeartbeatAfterItsEnd() throws Exception {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      membership.join(connection);
      membership.leave();

      membership.beat(connection, 0);
    }
    assertThat(living()).isZero();
  }
}
