package dev.koyomi.crds.occurrence;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class TimetableTest {
  private static final ZoneId UTC = ZoneId.of("UTC");

  /** Clocks: 2026-03-08 02:00 → 03:00 (07:00 UTC), 2026-11-01 02:00 → 01:00 (06:00 UTC). */
  private static final String NEW_YORK = "America/New_York";

  private static final String SPRING = "2026-03-08T00:00:00Z/2026-03-09T00:00:00Z";
  private static final String AUTUMN = "2026-11-01T00:00:00Z/2026-11-02T00:00:00Z";

  @TestFactory
  Stream<DynamicTest> readsAnExpressionAsKubernetesDoes() throws Exception {
    try (InputStream file = getClass().getResourceAsStream("/occurrence/kubernetes.txt")) {
      String text = new String(Objects.requireNonNull(file).readAllBytes(), StandardCharsets.UTF_8);
      return text
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(this::asKubernetes)
          .toList()
          .stream();
    }
  }

  private DynamicTest asKubernetes(String line) {
    List<String> parts = Arrays.asList(line.split(" \\| ", -1));
    return DynamicTest.dynamicTest(
        parts.getFirst(),
        () -> {
          Cron cron = Cron.parse(parts.getFirst());
          Instant at = Instant.parse("2027-12-30T22:41:17Z");
          for (int i = 1; i < parts.size(); i++) {
            at = Timetable.next(cron, UTC, at).orElseThrow();
            assertThat(at).isEqualTo(Instant.parse(parts.get(i).replace("Z", ":00Z")));
            at = i == 3 ? at.plus(Duration.ofDays(40)) : at;
          }
          if (parts.size() == 1) {
            assertThat(Timetable.next(cron, UTC, at)).isEmpty();
          }
        });
  }

  @Test
  void aDoubledHourFiresOnceWhenTheHourIsFixed() throws Exception {
    assertThat(between("30 1 * * *", NEW_YORK, AUTUMN)).containsExactly("2026-11-01T05:30:00Z");
    assertThat(between("*/30 0-2 * * *", NEW_YORK, AUTUMN))
        .containsExactly(
            "2026-11-01T04:00:00Z",
            "2026-11-01T04:30:00Z",
            "2026-11-01T05:00:00Z",
            "2026-11-01T05:30:00Z",
            "2026-11-01T07:00:00Z",
            "2026-11-01T07:30:00Z");
  }

  @Test
  void aSkippedHourFiresAtTheFirstInstantAfterTheGapWhenTheHourIsFixed() throws Exception {
    assertThat(between("30 2 * * *", NEW_YORK, SPRING)).containsExactly("2026-03-08T07:00:00Z");
    assertThat(between("0 2 * * *", NEW_YORK, SPRING)).containsExactly("2026-03-08T07:00:00Z");
  }

  @Test
  void allThatAGapSwallowedFiresOnceTogetherWithWhatIsDueThen() throws Exception {
    assertThat(between("*/15 2 * * *", NEW_YORK, SPRING)).containsExactly("2026-03-08T07:00:00Z");
    assertThat(between("0,30 2,3 * * *", NEW_YORK, SPRING))
        .containsExactly("2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z");
  }

  @Test
  void aStarOrAStepInTheHourFollowsTheClock() throws Exception {
    assertThat(between("30 * * * *", NEW_YORK, "2026-11-01T05:00:00Z/2026-11-01T07:59:00Z"))
        .containsExactly("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z");
    assertThat(between("30 1/1 * * *", NEW_YORK, "2026-11-01T05:00:00Z/2026-11-01T06:59:00Z"))
        .containsExactly("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z");
    assertThat(between("30 */2 * * *", NEW_YORK, "2026-03-08T05:00:00Z/2026-03-08T08:59:00Z"))
        .containsExactly("2026-03-08T05:30:00Z", "2026-03-08T08:30:00Z");
  }

  @Test
  void aGapAtMidnightMovesTheOccurrenceIntoTheDayThatBeginsLater() throws Exception {
    assertThat(
            between("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z/2018-11-05T12:00:00Z"))
        .containsExactly("2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z");
  }

  @Test
  void aDayThatAZoneLeftOutFiresWhenTheNextOneBegins() throws Exception {
    assertThat(between("0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z/2012-02-01T00:00:00Z"))
        .containsExactly("2011-12-30T10:00:00Z");
  }

  @Test
  void aFoldAcrossMidnightKeepsTheOrder() throws Exception {
    // 00:01 goes back to 23:01 of the day before.
    List<String> fixed =
        between("0,30 0,23 * * *", "America/St_Johns", "2006-10-28T20:00:00Z/2006-10-29T20:00:00Z");
    assertThat(fixed).isSorted().doesNotHaveDuplicates().hasSize(4);
    List<String> clock =
        between("*/10 * * * *", "America/St_Johns", "2006-10-28T20:00:00Z/2006-10-29T20:00:00Z");
    assertThat(clock).isSorted().hasSize(24 * 6);
  }

  @Test
  void bothEndsAreExact() throws Exception {
    assertThat(between("0 1 * * *", "UTC", "2026-11-01T01:00:00Z/2026-11-02T01:00:00Z"))
        .containsExactly("2026-11-02T01:00:00Z");
    assertThat(between("0 1 * * *", "UTC", "2026-11-01T00:59:59.999Z/2026-11-02T00:59:59.999Z"))
        .containsExactly("2026-11-01T01:00:00Z");
    assertThat(between("0 1 * * *", "UTC", "2026-11-02T01:00:00Z/2026-11-01T00:00:00Z")).isEmpty();
  }

  @Test
  void startingWithinAFoldDoesNotFireTheSecondPass() throws Exception {
    assertThat(between("30 1 * * *", NEW_YORK, "2026-11-01T06:10:00Z/2026-11-02T00:00:00Z"))
        .isEmpty();
  }

  @Test
  void startingAtTheEndOfAGapDoesNotFireItAgain() throws Exception {
    assertThat(between("30 2 * * *", NEW_YORK, "2026-03-08T07:00:00Z/2026-03-09T00:00:00Z"))
        .isEmpty();
  }

  @Test
  void theLatestIsTheOneThatNextCameFrom() throws Exception {
    for (String text : List.of("* * * * *", "0 1 * * *", "0 0 * * 0", "0 0 31 * *", "0 0 29 2 *")) {
      Cron cron = Cron.parse(text);
      ZoneId zone = ZoneId.of(NEW_YORK);
      Instant at = Instant.parse("2027-03-01T12:34:56Z");
      Instant latest = Timetable.latest(cron, zone, at).orElseThrow();
      assertThat(latest).isBeforeOrEqualTo(at);
      assertThat(Timetable.next(cron, zone, latest).orElseThrow()).isAfter(at);
      assertThat(Timetable.latest(cron, zone, latest)).contains(latest);
    }
  }

  @Test
  void theTwentyNinthOfFebruaryIsFoundAcrossTheYear2100() throws Exception {
    Cron cron = Cron.parse("0 0 29 2 *");
    assertThat(Timetable.next(cron, UTC, Instant.parse("2096-03-01T00:00:00Z")))
        .contains(Instant.parse("2104-02-29T00:00:00Z"));
    assertThat(Timetable.latest(cron, UTC, Instant.parse("2104-02-28T00:00:00Z")))
        .contains(Instant.parse("2096-02-29T00:00:00Z"));
  }

  @Test
  void anExpressionThatNeverFiresEndsWithNothing() throws Exception {
    Cron cron = Cron.parse("0 0 30 2 *");
    assertThat(Timetable.next(cron, UTC, Instant.EPOCH)).isEmpty();
    assertThat(Timetable.latest(cron, UTC, Instant.EPOCH)).isEmpty();
    assertThat(
            Timetable.between(cron, UTC, Instant.EPOCH, Instant.EPOCH.plus(Duration.ofDays(9_999))))
        .isEmpty();
  }

  private static List<String> between(String cron, String zone, String fromTo) throws Exception {
    String[] ends = fromTo.split("/", -1);
    return Timetable.between(
            Cron.parse(cron), ZoneId.of(zone), Instant.parse(ends[0]), Instant.parse(ends[1]))
        .map(Instant::toString)
        .toList();
  }
}
