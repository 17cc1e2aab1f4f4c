package dev.koyomi.operator.reconcile;

import dev.koyomi.operator.testing.ApiServer;
import dev.koyomi.operator.testing.Cluster;
import dev.koyomi.operator.testing.Room;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(ApiServer.Needed.class)
final class ReconcileOnApiServerTest implements ReconcileContract {
  private static @Nullable ApiServer server;
  private @Nullable Room room;

  @BeforeAll
  static void connect() {
    server = new ApiServer();
  }

  @AfterAll
  static void leave() {
    Objects.requireNonNull(server).close();
  }

  @Override
  public Cluster cluster() {
    return Objects.requireNonNull(server);
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
