package dev.koyomi.operator.reconcile;

import dev.koyomi.operator.testing.Cluster;
import dev.koyomi.operator.testing.MockCluster;
import dev.koyomi.operator.testing.Room;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

final class ReconcileOnMockTest implements ReconcileContract {
  private static @Nullable MockCluster cluster;
  private @Nullable Room room;

  @BeforeAll
  static void start() {
    cluster = new MockCluster();
  }

  @AfterAll
  static void stop() {
    Objects.requireNonNull(cluster).close();
  }

  @Override
  public Cluster cluster() {
    return Objects.requireNonNull(cluster);
  }

  @Override
  public Room room() {
    return Objects.requireNonNull(room);
  }

  @Override
  public void useRoom(Room newRoom) {
    room = newRoom;
  }
}
