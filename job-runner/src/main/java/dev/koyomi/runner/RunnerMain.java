package dev.koyomi.runner;

import dev.koyomi.runner.cli.Koyomi;
import java.util.List;
import java.util.TimeZone;

/** Entry point: of the image, and of {@code ./koyomi} on a laptop. */
public final class RunnerMain {
  private RunnerMain() {}

  public static void main(String[] words) {
    if (Koyomi.showsProgress(List.of(words))) {
      // Before the first logger is made: a line of the log would tear the progress line.
      System.setProperty("logback.configurationFile", "logback-laptop.xml");
      System.setProperty(
          "koyomi.log", Koyomi.folder(System.getenv()).resolve("koyomi.log").toString());
    }
    Koyomi koyomi = Koyomi.real();
    // The driver hands this zone to each session: SQL sees the same one on a laptop and on a
    // cluster.
    TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
    System.exit(koyomi.run(words));
  }
}
