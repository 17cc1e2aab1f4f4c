package dev.koyomi.runner.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.security.SecureRandom;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A slice that is somebody else's by now is let go, and nothing else is concluded from it. */
final class LostSliceDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  private static final SliceWork.Host GOES_ON =
      new SliceWork.Host() {
        @Override
        public boolean closing() {
          return false;
        }

        @Override
        public long nanoTime() {
          return System.nanoTime();
        }

        @Override
        public List<LeasedSlice.Mark> from() {
          return List.of();
        }

        @Override
        public Runnable moved() {
          return () -> {};
        }

        @Override
        public void unit(boolean works) {}
      };

  @Test
  void aJobWithoutItsColumnsInALostSliceIsNoOutage() throws Exception {
    Billing billing = Billing.with(DATABASE, 2);
    billing.fire();
    // As if the Unit had been changed while the run was open.
    billing.execute(
        "update koyomi.chunk set names = null, kinds = null, vals = null, jobs ="
            + " jsonb_build_array('{\"id\": 1}'::jsonb, koyomi.payload_of(id, 1))");
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice slice = billing.lease(connection, billing.join()).orElseThrow();
      assertThat(slice.misfits()).containsExactly(0);
      billing.execute("update koyomi.slice set lease = lease + 1");

      assertThat(work(billing, connection, slice)).isEqualTo(SliceWork.End.Lost);
    }
    assertThat(billing.count("select count(*) from koyomi.dead")).isZero();
  }

  private static SliceWork.End work(Billing billing, Connection connection, LeasedSlice slice)
      throws Exception {
    SliceWork.Shared shared =
        new SliceWork.Shared(
            billing.slices(),
            billing.plan().job().retry(),
            new SecureRandom(),
            billing.batchId(),
            new PermitSize(500),
            0,
            new Lookout(System::nanoTime),
            new Progress(),
            new Breaks(),
            new Hindrance(Duration.ofMinutes(1), System::nanoTime),
            Duration.ofMillis(50));
    return new SliceWork(shared, connection, billing.units(true).on(connection), slice, GOES_ON)
        .run();
  }
}
