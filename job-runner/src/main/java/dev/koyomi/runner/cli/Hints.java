package dev.koyomi.runner.cli;

import java.util.ArrayList;
import java.util.List;

/** Commands that a person may want next, each with what it does. */
record Hints(List<Hint> all) {
  record Hint(String command, String purpose) {}

  Hints {
    all = List.copyOf(all);
  }

  Hints() {
    this(List.of());
  }

  Hints with(String command, String purpose) {
    List<Hint> more = new ArrayList<>(all);
    more.add(new Hint(command, purpose));
    return new Hints(more);
  }

  void print(Screen screen) {
    int width = all.stream().mapToInt(hint -> hint.command().length()).max().orElse(0);
    for (Hint hint : all) {
      String space = " ".repeat(width - hint.command().length() + 2);
      screen.line("  " + screen.in(Screen.Tone.STRONG, hint.command()) + space + hint.purpose());
    }
  }
}
