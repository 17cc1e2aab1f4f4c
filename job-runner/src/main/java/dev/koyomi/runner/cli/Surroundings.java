package dev.koyomi.runner.cli;

import java.nio.file.Path;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.Map;

/**
 * What a command knows of the place where it runs.
 *
 * @param folder where the local database lives
 * @param zone in which times are shown
 * @param clock what the person's clock says; never decides about jobs
 */
record Surroundings(
    Screen screen, Map<String, String> environment, Path folder, ZoneId zone, InstantSource clock) {
  Surroundings {
    environment = Map.copyOf(environment);
  }

  boolean inPod() {
    return environment.containsKey("KOYOMI_POD");
  }

  /** What the queue calls this process: the pod, elsewhere the process number. */
  String pod() {
    return environment.getOrDefault("KOYOMI_POD", "process-" + ProcessHandle.current().pid());
  }
}
