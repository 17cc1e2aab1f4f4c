package dev.koyomi.runner.cli;

import dev.koyomi.runner.history.RunRow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * How far a run is, for one line.
 *
 * @param before jobs that had ended when this process began with the run
 * @param working time since then
 * @param waitsFor the next thing that happens, where that is all; empty while it works
 */
record Progress(RunRow run, long before, Duration working, String waitsFor) {
  private static final int BAR = 10;

  /** Jobs that ended per second since this process began; 0 while nobody can know. */
  long perSecond() {
    long millis = working.toMillis();
    return millis == 0 ? 0 : Math.round((run.ended() - before) * 1000.0 / millis);
  }

  /** Fit for a terminal's one line. */
  String line(int width) {
    String words = words();
    long selected = selected();
    int full = selected == 0 ? BAR : (int) (BAR * Math.min(run.ended(), selected) / selected);
    String bar = "[" + "#".repeat(full) + "-".repeat(BAR - full) + "]  ";
    String line = bar.length() + words.length() < width ? bar + words : words;
    return line.length() < width ? line : line.substring(0, Math.max(0, width - 1));
  }

  /** The same without a bar. */
  String words() {
    if (run.selected() == null) {
      return "selecting targets  %s so far".formatted(Shown.duration(working));
    }
    List<String> words = new ArrayList<>();
    words.add(Shown.count(selected()) + " selected");
    words.add(Shown.count(run.succeeded() + run.skipped()) + " done");
    words.add(Shown.count(run.dead()) + (run.dead() == 1 ? " needs attention" : " need attention"));
    if (run.retrying() > 0) {
      words.add(Shown.count(run.retrying()) + " to retry");
    }
    if (!waitsFor.isEmpty()) {
      words.add(waitsFor);
      return String.join("  ", words);
    }
    words.add(Shown.count(perSecond()) + "/s");
    long left = selected() - run.ended();
    if (left > 0 && perSecond() > 0) {
      words.add(left(left) + " left");
    }
    return String.join("  ", words);
  }

  private String left(long jobs) {
    Duration left = Duration.ofSeconds((jobs + perSecond() - 1) / perSecond());
    return left.compareTo(Duration.ofSeconds(10)) < 0
        ? left.toSeconds() + " s"
        : Shown.duration(left);
  }

  private long selected() {
    return run.selected() == null ? 0 : run.selected();
  }
}
