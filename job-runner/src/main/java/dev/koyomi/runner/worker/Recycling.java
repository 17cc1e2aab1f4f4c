package dev.koyomi.runner.worker;

import dev.koyomi.crds.plan.Plan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.LongSupplier;

/** When a worker process ends by itself, so that a fresh one takes its place. */
final class Recycling {
  private static final Path STATUS = Path.of("/proc/self/status");

  private final Plan.Recycle recycle;
  private final Progress progress;
  private final LongSupplier nanoTime;
  private final LongSupplier memory;
  private final long began;

  /**
   * @param memory bytes that the process uses now
   */
  Recycling(Plan.Recycle recycle, Progress progress, LongSupplier nanoTime, LongSupplier memory) {
    this.recycle = recycle;
    this.progress = progress;
    this.nanoTime = nanoTime;
    this.memory = memory;
    this.began = nanoTime.getAsLong();
  }

  /** Why it is time, in words; empty while it is not. */
  Optional<String> due() {
    if (nanoTime.getAsLong() - began >= recycle.maxTime().toNanos()) {
      return Optional.of("spec.workers.recycle.maxTime is over");
    }
    if (recycle.maxJobs() != null && progress.jobs() >= recycle.maxJobs()) {
      return Optional.of("spec.workers.recycle.maxJobs are done");
    }
    if (recycle.softMemory() != null && memory.getAsLong() >= recycle.softMemory()) {
      return Optional.of("spec.workers.recycle.softMemory is reached");
    }
    return Optional.empty();
  }

  /** Resident memory of this process in bytes (Linux, proc(5)); elsewhere the used heap. */
  static long residentMemory() {
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024)
          .findFirst()
          .orElseGet(Recycling::usedHeap);
    } catch (IOException elsewhere) {
      return usedHeap();
    }
  }

  private static long usedHeap() {
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
