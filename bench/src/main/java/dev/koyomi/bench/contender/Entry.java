package dev.koyomi.bench.contender;

import java.util.List;
import java.util.stream.Stream;

/**
 * A contender on the list of those who take part.
 *
 * @param portion it gets one job in so many: a slow one ends in time, and its rate is the same
 */
public record Entry(String title, int portion, Contender.Maker maker) {
  /** All there are; ratios are to the first that takes part. */
  private static final List<Entry> ALL =
      List.of(
          new Entry("koyomi-each", 1, Koyomi.with(new Koyomi.Mode("{mode: Each}", true, 16))),
          new Entry("koyomi-flushed", 1, Koyomi.with(new Koyomi.Mode("{mode: Each}", false, 16))),
          new Entry(
              "koyomi-many", 1, Koyomi.with(new Koyomi.Mode("{mode: Many, jobs: 50}", true, 4))),
          new Entry(
              "koyomi-many-flushed",
              1,
              Koyomi.with(new Koyomi.Mode("{mode: Many, jobs: 50}", false, 4))),
          new Entry(
              "koyomi-many-500",
              1,
              Koyomi.with(new Koyomi.Mode("{mode: Many, jobs: 500}", true, 2))),
          new Entry("db-scheduler", 10, DbScheduler::prepare),
          new Entry("jobrunr", 50, JobRunr::prepare),
          new Entry("quartz", 100, Quartz::prepare),
          new Entry("raw-jdbc", 1, RawJdbc::prepare));

  /** Nobody gets less than this as long as there are as many. */
  private static final int LEAST = 5_000;

  /** Those that the system property {@code contenders} names, in its order; without it all. */
  public static List<Entry> chosen() {
    String titles = System.getProperty("contenders", "");
    return titles.isBlank()
        ? ALL
        : Stream.of(titles.split(",")).map(String::strip).map(Entry::titled).toList();
  }

  private static Entry titled(String title) {
    return ALL.stream()
        .filter(entry -> entry.title.equals(title))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "No contender %s: there are %s"
                        .formatted(title, ALL.stream().map(Entry::title).toList())));
  }

  /** Its part of the jobs. */
  public int jobs(int all) {
    return Math.min(all, Math.max(LEAST, all / portion));
  }
}
