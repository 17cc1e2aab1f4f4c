package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** The database goes away in the middle of a run and comes back. */
@ExtendWith(OnCluster.class)
@Isolated("takes the database of all tests away")
final class DatabaseAwayTest {
  private static final int TRY_AGAIN = 75;

  @Test
  void triggersTryAgainAndWorkersWaitAndGoOn(Room room) throws IOException {
    Billing billing = Billing.unguardedAndSlow(room).applied();
    room.fire(billing.manifest().cronJob(), Billing.thisMinute());
    billing.awaitInvoices(1_000);
    List<String> workers = names(room.workerPods(billing.manifest().name()));

    room.installation().databases().stop();
    Job late = room.request(billing.manifest().cronJob(), "while-away");
    Room.eventually()
        .alias("the trigger gives up with 75, and its Job starts another")
        .until(
            () ->
                room.podsOf(late).stream().anyMatch(DatabaseAwayTest::endedToTryAgain)
                    && room.podsOf(late).size() > 1);
    room.installation().databases().comeBack();

    room.awaitSucceeded(late);
    billing.awaitEnd();
    billing.assertEachOnce();
    assertThat(names(room.workerPods(billing.manifest().name()))).isEqualTo(workers);
    assertThat(room.workerPods(billing.manifest().name()))
        .allSatisfy(
            pod ->
                assertThat(pod.getStatus().getContainerStatuses().getFirst().getRestartCount())
                    .isZero())
        .allSatisfy(
            pod ->
                assertThat(room.logs(pod).lines().filter(line -> line.contains(" WARN ")))
                    .as("said once")
                    .filteredOn(line -> line.contains("database"))
                    .hasSize(1));
    assertThat(
            room.database().count("select count(*) from koyomi.worker where lost_at is not null"))
        .as("workers declared lost")
        .isZero();
    assertThat(
            room.database()
                .count(
                    """
                    select count(*) from koyomi.failure f where not exists (
                      select from koyomi.dead d where (d.chunk_id, d.ordinal) = (f.chunk_id, f.ordinal))
                    """))
        .as("attempts burnt by the outage")
        .isZero();
  }

  private static boolean endedToTryAgain(Pod pod) {
    return pod.getStatus().getContainerStatuses().stream()
        .map(container -> container.getState().getTerminated())
        .filter(Objects::nonNull)
        .anyMatch(ended -> ended.getExitCode() == TRY_AGAIN);
  }

  private static List<String> names(List<Pod> pods) {
    return pods.stream().map(pod -> pod.getMetadata().getName()).sorted().toList();
  }
}
