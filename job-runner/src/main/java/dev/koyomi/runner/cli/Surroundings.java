package dev.koyomi.runner.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.Map;

/**
 * What a command knows of the place where it runs.
 *
 * @param folder where the local database lives
 * @param zone in which times are shown
 * @param clock what the person's clock says; never decides about jobs
 * @param keyboard what is typed or piped into the command
 * @param patience how long a command that works for a while waits for a connection, new tries
 *     included
 */
record Surroundings(
    Screen screen,
    Map<String, String> environment,
    Path folder,
    ZoneId zone,
    InstantSource clock,
    Keyboard keyboard,
    Duration patience) {
  Surroundings {
    environment = Map.copyOf(environment);
  }

  boolean inPod() {
    return environment.containsKey("KOYOMI_POD");
  }

  /** Who asks, for those who read later what was done. */
  String user() {
    return environment.getOrDefault("USER", environment.getOrDefault("LOGNAME", "somebody"));
  }

  /** What the queue calls this process: the pod, elsewhere the process number. */
  String pod() {
    return environment.getOrDefault("KOYOMI_POD", "process-" + ProcessHandle.current().pid());
  }
}
