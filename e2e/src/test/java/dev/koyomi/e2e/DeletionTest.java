package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A batch that is deleted. */
@ExtendWith(OnCluster.class)
final class DeletionTest {

  @Test
  void removesItsObjectsAndLeavesTheHistory(Room room) throws IOException {
    Billing billing = Billing.unguarded(room).applied();
    String name = billing.manifest().name();
    room.awaitSucceeded(room.fire(billing.manifest().cronJob(), Billing.thisMinute()));
    billing.awaitEnd();
    assertThat(room.objectsOf(name)).isNotEmpty();

    room.client().resource(room.batch(name)).delete();

    Room.eventually().untilAsserted(() -> assertThat(room.objectsOf(name)).isEmpty());
    billing.assertTotals();
  }
}
