package dev.koyomi.crds.occurrence;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import org.junit.jupiter.api.Test;

class TimetableTest {
  private static final ZoneId NEW_YORK = ZoneId.of("America/New_York");
  private static final ZoneId UTC = ZoneId.of("UTC");

  @Test
  void aDoubledHourFiresOnceWhenTheHourIsFixed() throws Exception {
    assertThat(between("30 1 * * *", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"))
        .containsExactly("2026-11-01T05:30:00Z");
  }

  @Test
  void aSkippedHourFiresAtTheFirstInstantAfterTheGap() throws Exception {
    assertThat(between("0,30 2 * * *", "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"))
        .containsExactly("2026-03-08T07:00:00Z");
  }

  @Test
  void neverFiresOnTheThirtiethOfFebruary() throws Exception {
    Cron cron = Cron.parse("0 0 30 2 *");
    assertThat(Timetable.next(cron, UTC, Instant.EPOCH)).isEmpty();
    assertThat(Timetable.latest(cron, UTC, Instant.EPOCH)).isEmpty();
  }

  private static List<String> between(String cron, String after, String until) throws Exception {
    return Timetable.between(Cron.parse(cron), NEW_YORK, Instant.parse(after), Instant.parse(until))
        .map(Instant::toString)
        .toList();
  }
}
