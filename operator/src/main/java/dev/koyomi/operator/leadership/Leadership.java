package dev.koyomi.operator.leadership;

import dev.koyomi.operator.settings.OperatorSettings.Election;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfig;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElector;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectorBuilder;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Competes for the Lease, holds it, and gives it back at the end, so that the next one need not
 * wait for it to run out.
 */
public final class Leadership implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Leadership.class);
  private static final Duration LEASE = Duration.ofSeconds(15);
  private static final Duration RENEW_WITHIN = Duration.ofSeconds(10);
  private static final Duration TRY_EVERY = Duration.ofSeconds(2);

  /**
   * A Lease that did not move for so long has neither a living holder nor a working elector here.
   */
  private static final Duration DEAD = LEASE.multipliedBy(3);

  private final WatchedLease lease;
  private final LeaderElector elector;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("leadership").factory());
  private final CountDownLatch leading = new CountDownLatch(1);
  private final AtomicBoolean closing = new AtomicBoolean();
  private @Nullable CompletableFuture<?> running;

  /**
   * Prepares the election.
   *
   * @param lost what to do when the Lease is somebody else's, at once
   */
  public Leadership(
      KubernetesClient client, Election election, InstantSource clock, Runnable lost) {
    lease = new WatchedLease(election.namespace(), election.lease(), election.identity(), clock);
    LeaderCallbacks callbacks =
        new LeaderCallbacks(
            leading::countDown,
            () -> {
              if (!closing.get()) {
                log.error("Another operator holds the Lease {}", lease.describe());
                lost.run();
              }
            },
            holder ->
                log.info(
                    "The Lease {} is {}",
                    election.lease(),
                    holder == null ? "free" : "held by " + holder));
    boolean releaseOnCancel = true;
    elector =
        new LeaderElectorBuilder(client, thread)
            .withConfig(
                new LeaderElectionConfig(
                    lease,
                    LEASE,
                    RENEW_WITHIN,
                    TRY_EVERY,
                    callbacks,
                    releaseOnCancel,
                    election.lease()))
            .build();
  }

  /** Competes. */
  public void start() {
    running = elector.start();
  }

  /** Returns when it is this one's turn. */
  public void await() throws InterruptedException {
    leading.await();
  }

  /** Whether some operator holds the Lease, this one or another that is alive. */
  public boolean healthy() {
    return lease.movedWithin(DEAD);
  }

  @Override
  public void close() {
    closing.set(true);
    if (running != null) {
      running.cancel(true);
    }
    thread.close();
  }
}
