package dev.koyomi.bench.contender;

import java.util.List;

/**
 * A contender on the list of those who take part.
 *
 * @param portion it gets one job in so many: a slow one ends in time, and its rate is the same
 */
public record Entry(String title, Role role, int portion, Contender.Maker maker) {
  /** What it is there for. */
  public enum Role {
    OURS,
    /** Ours too, in a form that takes part only where it is named. */
    VARIANT,
    PEER,
    CEILING
  }

  /** All there are. */
  public static final List<Entry> ALL =
      List.of(
          new Entry("koyomi-each", Role.OURS, 1, Koyomi.each(16)),
          new Entry("koyomi-each-8", Role.VARIANT, 1, Koyomi.each(8)),
          new Entry("koyomi-each-4", Role.VARIANT, 1, Koyomi.each(4)),
          new Entry("koyomi-flushed", Role.OURS, 1, Koyomi.flushed(16)),
          new Entry("koyomi-flushed-virtual", Role.VARIANT, 1, Koyomi.flushedOnVirtualThreads(16)),
          new Entry("koyomi-flushed-64", Role.VARIANT, 1, Koyomi.flushed(64)),
          new Entry(
              "koyomi-flushed-64-virtual", Role.VARIANT, 1, Koyomi.flushedOnVirtualThreads(64)),
          new Entry("koyomi-many", Role.OURS, 1, Koyomi.many(50, true, 4)),
          new Entry("koyomi-many-flushed", Role.OURS, 1, Koyomi.many(50, false, 4)),
          new Entry("koyomi-many-500", Role.VARIANT, 1, Koyomi.many(500, true, 2)),
          new Entry("koyomi-chunk", Role.OURS, 1, Koyomi.chunk(4)),
          new Entry("db-scheduler", Role.PEER, 10, DbScheduler::prepare),
          new Entry("jobrunr", Role.PEER, 50, JobRunr::prepare),
          new Entry("quartz", Role.PEER, 100, Quartz::prepare),
          new Entry("raw-jdbc", Role.CEILING, 1, RawJdbc::prepare));

  /** Nobody gets less than this as long as there are as many. */
  private static final int LEAST = 5_000;

  /** Those against whom the best is looked for. */
  public static List<String> peers() {
    return ALL.stream().filter(entry -> entry.role == Role.PEER).map(Entry::title).toList();
  }

  /** Its part of the jobs. */
  public int jobs(int all) {
    return Math.min(all, Math.max(LEAST, all / portion));
  }
}
