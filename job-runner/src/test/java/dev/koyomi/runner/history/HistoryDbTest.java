package dev.koyomi.runner.history;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.queue.JobFailure;
import dev.koyomi.runner.queue.LeasedSlice;
import dev.koyomi.runner.testing.Billing;
import dev.koyomi.runner.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class HistoryDbTest {
  @RegisterExtension static final TestDatabase DATABASE = new TestDatabase();

  @Test
  void findsTheRunsOfFailedJobsHoweverManyCameAfterThem() throws Exception {
    Billing billing = Billing.with(DATABASE, 2);
    DATABASE.jdbi().useHandle(handle -> handle.execute("update subscription set fee = null"));
    billing.fire();
    billing.drain();
    DATABASE
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    """
                    insert into koyomi.run (batch_id, occurrence, logical_date, revision, state, exclusive, select_timeout, created_at, ended_at)
                      select 1, now() + n * interval '1 minute', '2026-11-02', 'r', 'Skipped', true, '1m', now(), now()
                        from generate_series(1, 2000) n
                    """));
    History history = new History(DATABASE.jdbi());

    assertThat(history.runsInNeed(filter("billing/invoices", List.of())))
        .extracting(RunRow::id)
        .containsExactly(1L);
    assertThat(history.runsInNeed(filter("billing/invoices", List.of("3")))).isEmpty();
    assertThat(history.runsInNeed(filter("billing/others", List.of()))).isEmpty();
    assertThat(history.failed(filter("billing/invoices", List.of("2")), 10).total()).isOne();
  }

  /** Its retry is a failure, then a slice; in a lane the job stays where it is. */
  @ParameterizedTest
  @CsvSource({"1, Unordered, false", "1, Unordered, true", "3, Fifo, false"})
  void findsTheNextAttemptWhereverItWaits(int jobs, String order, boolean slice) throws Exception {
    Billing billing =
        Billing.with(
            DATABASE,
            jobs,
            Billing.manifest("job: {retry:", "job: {order: {mode: " + order + "}, retry:"));
    billing.fire();
    failTheFirst(billing);
    if (slice) {
      billing.text("select koyomi.cut_retries(1, 'infinity')::text");
    }

    assertThat(new History(DATABASE.jdbi()).nextAttempt(1))
        .hasValueSatisfying(
            next -> {
              assertThat(next.message()).isEqualTo("no fee");
              assertThat(next.at()).isAfter(Instant.now().plusSeconds(3000));
            });
  }

  /** The other two of the run can be worked: nothing waits. */
  @Test
  void namesNoNextAttemptWhileSomethingElseCanBeWorked() throws Exception {
    Billing billing = Billing.with(DATABASE, 3);
    billing.fire();
    LeasedSlice leased = failTheFirst(billing);
    History history = new History(DATABASE.jdbi());
    assertThat(history.nextAttempt(1)).as("in hand").isEmpty();

    billing.execute("select koyomi.give_back(%d)".formatted(leased.lease()));
    assertThat(billing.count("select count(*) from koyomi.slice where lease is null")).isOne();
    assertThat(history.nextAttempt(1)).as("due").isEmpty();

    billing.execute("select koyomi.clear(1, null)");
    assertThat(history.nextAttempt(1)).as("cancelled, too").isEmpty();
  }

  private static LeasedSlice failTheFirst(Billing billing) throws Exception {
    try (Connection connection = DATABASE.dataSource().getConnection()) {
      LeasedSlice leased = billing.lease(connection, billing.join()).orElseThrow();
      billing
          .slices()
          .fail(
              connection,
              leased,
              0,
              new JobFailure("23502", "no fee", JobFailure.Kind.Dead),
              Duration.ofHours(1));
      return leased;
    }
  }

  private static History.Filter filter(String batch, List<String> keys) {
    return new History.Filter(Optional.of(batch), Optional.empty(), keys, Optional.empty());
  }
}
