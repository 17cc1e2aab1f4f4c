package dev.koyomi.runner.cli;

import java.time.Duration;

/**
 * Where progress is shown: one line that changes, or, in a file or a log, a new line from time to
 * time.
 */
final class ProgressLine implements AutoCloseable {
  /** So often a look is worth while. */
  static final Duration LOOK = Duration.ofMillis(250);

  private static final Duration BETWEEN_LINES = Duration.ofSeconds(2);

  private final Screen screen;
  private Duration nextLine = BETWEEN_LINES;
  private String shown = "";

  ProgressLine(Screen screen) {
    this.screen = screen;
  }

  void show(Progress progress) {
    if (screen.terminal()) {
      screen.replaceLine(progress.line(screen.width()));
    } else if (progress.working().compareTo(nextLine) >= 0 && !progress.words().equals(shown)) {
      shown = progress.words();
      screen.line(shown);
      nextLine = progress.working().plus(BETWEEN_LINES);
    }
  }

  /** Leaves the screen as if nothing had been shown. */
  @Override
  public void close() {
    if (screen.terminal()) {
      screen.replaceLine("");
    }
  }
}
