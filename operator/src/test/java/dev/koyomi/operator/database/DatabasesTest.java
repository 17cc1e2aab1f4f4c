package dev.koyomi.operator.database;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.crds.SchemaVersion;
import dev.koyomi.crds.plan.BatchName;
import dev.koyomi.operator.database.DatabaseAddress.Server;
import dev.koyomi.operator.testing.FakeQueue;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class DatabasesTest {
  private static final BatchName A = new BatchName("ns", "a");
  private static final BatchName B = new BatchName("ns", "b");

  private final FakeQueue queue = new FakeQueue();
  private final BlockingQueue<BatchName> changed = new LinkedBlockingQueue<>();
  private final Set<BatchName> existing = ConcurrentHashMap.newKeySet();
  private final Databases databases =
      new Databases(
          queue,
          Optional.of("mine"),
          Duration.ofMillis(10),
          InstantSource.system(),
          changed::add,
          existing::contains);

  @AfterEach
  void close() {
    databases.close();
  }

  @Test
  void batchesOfOneDatabaseShareItsConnections() throws InterruptedException {
    existing.addAll(Set.of(A, B));
    databases.attach(A, address("p"));
    databases.attach(B, address("p"));
    assertThat(queue.connected()).hasSize(1);
  }

  @Test
  void aNewPasswordIsANewConnectionAndTheOldOneIsClosed() throws InterruptedException {
    existing.add(A);
    BlockingQueue<String> closed = new LinkedBlockingQueue<>();
    queue.onClose(() -> closed.add("closed"));
    databases.attach(A, address("old"));
    databases.attach(A, address("new"));
    assertThat(queue.connected()).hasSize(2);
    assertThat(closed.poll(10, TimeUnit.SECONDS)).isEqualTo("closed");
  }

  /** The framework's own poller stops for good after one exception. */
  @Test
  void looksAgainAfterAFailureThatNobodyThoughtOf() throws InterruptedException {
    existing.add(A);
    queue.failNextLook();
    BatchQueue seen = databases.attach(A, address("p"));
    assertThat(seen.state()).isInstanceOf(QueueState.Unreachable.class);
    changed.poll(10, TimeUnit.SECONDS);
    changed.poll(10, TimeUnit.SECONDS);
    assertThat(seen.state()).isEqualTo(new QueueState.Working());
  }

  @Test
  void tellsAllItsBatchesWhenTheSchemaIsBroughtUpToDate() throws InterruptedException {
    existing.addAll(Set.of(A, B));
    queue.schemaIs(0);
    databases.attach(A, address("p"));
    BatchQueue seen = databases.attach(B, address("p"));
    changed.clear();
    queue.schemaIs(SchemaVersion.CURRENT);
    assertThat(List.of(take(), take())).containsExactlyInAnyOrder(A, B);
    assertThat(seen.state()).isEqualTo(new QueueState.Working());
  }

  @Test
  void aRegistrationIsMadeOnceForEachChange() throws Exception {
    existing.add(A);
    BatchQueue seen = databases.attach(A, address("p"));
    seen.register(new Registration(A, "uid", 1, false, "{}"));
    seen.register(new Registration(A, "uid", 1, false, "{}"));
    seen.register(new Registration(A, "uid", 2, false, "{}"));
    assertThat(queue.registrations()).extracting(Registration::generation).containsExactly(1L, 2L);
  }

  private BatchName take() throws InterruptedException {
    BatchName batch = changed.poll(10, TimeUnit.SECONDS);
    assertThat(batch).isNotNull();
    return batch;
  }

  private static DatabaseAddress address(String password) {
    return new DatabaseAddress(List.of(new Server("db", 5432)), "app", "u", password, Map.of());
  }
}
