package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.runner.history.RunRow;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private static final Instant START = Instant.parse("2026-11-01T00:00:00Z");

  @Test
  void saysThatTargetsAreSelected() {
    assertThat(progress(run(null, 0, 0, 0), 0, 12).words())
        .isEqualTo("selecting targets  12 s so far");
  }

  @Test
  void countsAndTellsTheTimeLeft() {
    assertThat(progress(run(9700L, 4000, 2, 1), 0, 2).words())
        .isEqualTo("9,700 selected  4,000 done  2 need attention  1 to retry  2,001/s  3 s left");
    assertThat(progress(run(1_000_000L, 4000, 0, 0), 0, 2).words())
        .endsWith("2,000/s  8 min 18 s left");
  }

  @Test
  void doesNotCountWhatWasDoneBeforeThisProcess() {
    assertThat(progress(run(9700L, 8000, 0, 0), 7000, 2).perSecond()).isEqualTo(500);
  }

  @Test
  void promisesNothingWhileNothingHasEnded() {
    assertThat(progress(run(9700L, 0, 0, 0), 0, 1).words())
        .isEqualTo("9,700 selected  0 done  0 need attention  0/s");
    assertThat(progress(run(9700L, 0, 0, 0), 0, 0).perSecond()).isZero();
  }

  @Test
  void drawsABarWhereThereIsRoom() {
    Progress half = progress(run(100L, 50, 0, 0), 0, 5);
    assertThat(half.line(100))
        .isEqualTo("[#####-----]  100 selected  50 done  0 need attention  10/s  5 s left");
    assertThat(half.line(60)).isEqualTo("100 selected  50 done  0 need attention  10/s  5 s left");
    assertThat(half.line(20)).isEqualTo("100 selected  50 do");
  }

  @Test
  void saysWhatItWaitsForInPlaceOfARate() {
    Progress waits =
        new Progress(
            run(1L, 0, 0, 1),
            0,
            Duration.ofSeconds(4),
            "next attempt at 12:00:30 (division by zero)");
    assertThat(waits.words())
        .isEqualTo(
            "1 selected  0 done  0 need attention  1 to retry  next attempt at 12:00:30 (division"
                + " by zero)");
  }

  private static Progress progress(RunRow run, long before, int seconds) {
    return new Progress(run, before, Duration.ofSeconds(seconds), "");
  }

  private static RunRow run(@Nullable Long selected, long succeeded, long dead, long retrying) {
    return new RunRow(
        1,
        "billing/issue-invoices",
        START,
        "",
        LocalDate.of(2026, 11, 1),
        "Running",
        null,
        null,
        selected,
        succeeded,
        0,
        dead,
        0,
        0,
        0,
        retrying,
        START,
        null);
  }
}
