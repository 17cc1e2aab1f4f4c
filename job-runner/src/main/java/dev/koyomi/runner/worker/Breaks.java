package dev.koyomi.runner.worker;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What broke while jobs ran: sessions that ended, and what could not be reached. A database that is
 * away ends all sessions, and what is away is so for all; but a job can be the reason itself, each
 * time anew, and neither it nor those behind it would ever be done. So the jobs at hand are worked
 * one by one, and one has failed that ends its session several times, or that cannot reach what
 * others reach.
 */
final class Breaks {
  static final int MOST = 3;
  private static final int REMEMBERED = 1000;

  /** Of one slice: jobs before this position are worked one by one. */
  private record Broken(int to, int position, int times) {}

  /** In one slice, at this position: jobs that the process had worked when it was noticed. */
  private record Refused(int position, long worked) {}

  private final Map<Long, Broken> slices = remembered();
  private final Map<Long, Refused> refused = remembered();

  private static <T> Map<Long, T> remembered() {
    return new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<Long, T> eldest) {
        return size() > REMEMBERED;
      }
    };
  }

  /** The session ended while these jobs of a slice ran. */
  synchronized void ended(long slice, int from, int to) {
    Broken before = slices.getOrDefault(slice, new Broken(to, from, 0));
    int earlier = before.position == from ? before.times : 0;
    slices.put(slice, new Broken(Math.max(to, before.to), from, to - from > 1 ? 0 : earlier + 1));
  }

  /**
   * These jobs of a slice cannot reach what they need.
   *
   * @param worked jobs that this process has worked so far
   * @return whether others were worked since that was first seen, so that these are the reason
   */
  synchronized boolean unreachable(long slice, int from, int to, long worked) {
    Refused before = refused.get(slice);
    if (before == null || before.position != from) {
      refused.put(slice, new Refused(from, worked));
      return false;
    }
    if (before.worked == worked) {
      return false;
    }
    refused.remove(slice);
    if (to - from > 1) {
      slices.put(slice, new Broken(to, from, 0));
    }
    return true;
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
