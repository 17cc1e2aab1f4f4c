package dev.koyomi.operator.leadership;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.operator.settings.OperatorSettings.Election;
import dev.koyomi.operator.testing.MockCluster;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class LeadershipTest {
  private final MockCluster cluster = new MockCluster();
  private final AtomicReference<Instant> now = new AtomicReference<>(Instant.now());
  private final CountDownLatch lost = new CountDownLatch(1);
  private String namespace = "";

  @BeforeEach
  void makeNamespace() {
    namespace = cluster.newNamespace();
  }

  @AfterEach
  void close() {
    cluster.close();
  }

  @Test
  void theNextOneLeadsSoonAfterTheFirstGaveTheLeaseBack() throws Exception {
    try (Leadership second = leadership("b")) {
      try (Leadership first = leadership("a")) {
        first.start();
        first.await();
        second.start();
        assertThat(holder()).isEqualTo("a");
      }
      long start = System.nanoTime();
      second.await();
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
      assertThat(holder()).isEqualTo("b");
    }
    assertThat(lost.getCount()).as("giving back is no loss").isEqualTo(1);
  }

  @Test
  void hearsThatAnotherTookTheLease() throws Exception {
    try (Leadership first = leadership("a")) {
      first.start();
      first.await();
      takeLease("b");
      assertThat(lost.await(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  /** The holder renews the Lease meanwhile, so that a write of ours may come too late. */
  private void takeLease(String identity) {
    while (true) {
      try {
        cluster
            .admin()
            .leases()
            .inNamespace(namespace)
            .withName("koyomi")
            .edit(
                lease -> {
                  lease.getSpec().setHolderIdentity(identity);
                  return lease;
                });
        return;
      } catch (KubernetesClientException e) {
        assertThat(e.getCode()).isEqualTo(HttpURLConnection.HTTP_CONFLICT);
      }
    }
  }

  @Test
  void isHealthyOnlyWhileTheLeaseMoves() throws Exception {
    try (Leadership first = leadership("a")) {
      assertThat(first.healthy()).isTrue();
      now.set(now.get().plus(Duration.ofSeconds(46)));
      assertThat(first.healthy()).as("no elector looked at it").isFalse();
      first.start();
      first.await();
      assertThat(first.healthy()).isFalse();
    }
  }

  private Leadership leadership(String identity) {
    return new Leadership(
        cluster.admin(),
        new Election(namespace, "koyomi", identity),
        (InstantSource) now::get,
        lost::countDown);
  }

  private String holder() {
    Lease lease = cluster.admin().leases().inNamespace(namespace).withName("koyomi").get();
    return lease.getSpec().getHolderIdentity();
  }
}
