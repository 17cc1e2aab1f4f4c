package dev.koyomi.runner.worker;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Sessions that ended while jobs ran in them. A database that is away ends all; but a job can end
 * its own, each time anew, and neither it nor those behind it would ever be done. So the jobs at
 * hand are worked one by one, and one that ends its session several times has failed.
 */
final class Breaks {
  static final int MOST = 3;
  private static final int REMEMBERED = 1000;

  /** Of one slice: jobs before this position are worked one by one. */
  private record Broken(int to, int position, int times) {}

  private final Map<Long, Broken> slices =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Broken> eldest) {
          return size() > REMEMBERED;
        }
      };

  /** The session ended while these jobs of a slice ran. */
  synchronized void ended(long slice, int from, int to) {
    Broken before = slices.getOrDefault(slice, new Broken(to, from, 0));
    int earlier = before.position == from ? before.times : 0;
    slices.put(slice, new Broken(Math.max(to, before.to), from, to - from > 1 ? 0 : earlier + 1));
  }

  synchronized boolean oneByOne(long slice, int at) {
    Broken broken = slices.get(slice);
    return broken != null && at < broken.to;
  }

  /** Whether this job has ended so many sessions that it has failed; then it is forgotten. */
  synchronized boolean failed(long slice, int at) {
    Broken broken = slices.get(slice);
    if (broken == null || broken.position != at || broken.times < MOST) {
      return false;
    }
    slices.put(slice, new Broken(broken.to, at, 0));
    return true;
  }
}
