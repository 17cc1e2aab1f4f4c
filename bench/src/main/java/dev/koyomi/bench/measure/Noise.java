package dev.koyomi.bench.measure;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Processor time that others on this machine take from a moment on: all of it, less what this
 * process, the server and their children take. Known on Linux alone.
 */
public final class Noise {
  private static final Path PROC = Path.of("/proc");

  /** The kernel's unit of time towards programs. */
  private static final double TICKS_PER_SECOND = 100;

  private final long postmaster;
  private final long beginNanos = System.nanoTime();
  private final long beginTicks;

  private Noise(long postmaster) throws IOException {
    this.postmaster = postmaster;
    this.beginTicks = foreign();
  }

  static Noise since(long postmaster) throws IOException {
    return new Noise(postmaster);
  }

  /** Cores that others used since then, on the average; not a number where that is not known. */
  public double cores() throws IOException {
    if (!known()) {
      return Double.NaN;
    }
    double seconds = (System.nanoTime() - beginNanos) / 1e9;
    return Math.max(0, (foreign() - beginTicks) / TICKS_PER_SECOND / seconds);
  }

  private static boolean known() {
    return Files.exists(PROC.resolve("stat"));
  }

  private long foreign() throws IOException {
    return known() ? busy() - own() : 0;
  }

  /** The machine's ticks that are neither idle nor waiting for a disk. */
  private static long busy() throws IOException {
    try (var lines = Files.lines(PROC.resolve("stat"))) {
      String[] cpu = lines.findFirst().orElseThrow().split("\\s+", -1);
      long user = Long.parseLong(cpu[1]) + Long.parseLong(cpu[2]);
      long system = Long.parseLong(cpu[3]) + Long.parseLong(cpu[6]) + Long.parseLong(cpu[7]);
      return user + system;
    }
  }

  private long own() throws IOException {
    Map<Long, Ticks> alive = alive();
    Map<Long, List<Long>> children = new HashMap<>();
    alive.forEach(
        (pid, ticks) -> children.computeIfAbsent(ticks.parent(), _ -> new ArrayList<>()).add(pid));
    Deque<Long> left = new ArrayDeque<>(List.of(ProcessHandle.current().pid(), postmaster));
    long sum = 0;
    while (!left.isEmpty()) {
      long pid = left.pop();
      Ticks ticks = alive.get(pid);
      sum += ticks == null ? 0 : ticks.used();
      left.addAll(children.getOrDefault(pid, List.of()));
    }
    return sum;
  }

  private static Map<Long, Ticks> alive() throws IOException {
    Map<Long, Ticks> alive = new HashMap<>();
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (Path process : processes) {
        Ticks.read(process)
            .ifPresent(ticks -> alive.put(Long.parseLong(process.getFileName().toString()), ticks));
      }
    }
    return alive;
  }

  /**
   * A process.
   *
   * @param used its own ticks and those of its children that have ended
   */
  private record Ticks(long parent, long used) {
    static Optional<Ticks> read(Path process) {
      try {
        String stat = Files.readString(process.resolve("stat"));
        // The name in parentheses may hold blanks and parentheses of its own.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        long used = 0;
        for (int field = 11; field <= 14; field++) {
          used += Long.parseLong(fields[field]);
        }
        return Optional.of(new Ticks(Long.parseLong(fields[1]), used));
      } catch (IOException ended) {
        return Optional.empty();
      }
    }
  }
}
