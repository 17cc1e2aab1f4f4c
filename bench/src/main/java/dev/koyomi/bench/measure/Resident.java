package dev.koyomi.bench.measure;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** The most memory that a process had at once, as the kernel counts it (VmHWM). Linux alone. */
public final class Resident {
  private static final Duration LOOK = Duration.ofMillis(50);
  private static final double KIB_PER_MIB = 1024;

  private Resident() {}

  /** Waits for the end of the process: mebibytes. */
  public static double peakUntilEnd(Process process) throws IOException, InterruptedException {
    double peak = Double.NaN;
    do {
      double now = peak(process);
      peak = Double.isNaN(now) ? peak : now;
    } while (!process.waitFor(LOOK.toMillis(), TimeUnit.MILLISECONDS));
    return peak;
  }

  private static double peak(Process process) throws IOException {
    Path status = Path.of("/proc", Long.toString(process.pid()), "status");
    if (!Files.exists(status)) {
      return Double.NaN;
    }
    try {
      return Files.readAllLines(status).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToDouble(line -> Double.parseDouble(line.replaceAll("[^0-9]", "")) / KIB_PER_MIB)
          .findFirst()
          .orElse(Double.NaN);
    } catch (IOException ended) {
      return Double.NaN;
    }
  }
}
