package dev.koyomi.operator.leadership;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaderElectionRecord;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A Lease that remembers when it was last seen to move, by this machine's clock: nobody moves it
 * when its holder is dead and no elector looks any more.
 */
final class WatchedLease extends LeaseLock {
  private final InstantSource clock;
  private volatile Instant movedAt;
  private volatile @Nullable LeaderElectionRecord last;

  WatchedLease(String namespace, String name, String identity, InstantSource clock) {
    super(namespace, name, identity);
    this.clock = clock;
    movedAt = clock.instant();
  }

  @Override
  public synchronized LeaderElectionRecord get(KubernetesClient client) {
    LeaderElectionRecord seen = super.get(client);
    if (!Objects.equals(seen, last)) {
      last = seen;
      movedAt = clock.instant();
    }
    return seen;
  }

  boolean movedWithin(Duration time) {
    return movedAt.plus(time).isAfter(clock.instant());
  }
}
