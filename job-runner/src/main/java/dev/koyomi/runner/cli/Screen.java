package dev.koyomi.runner.cli;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Where a command writes.
 *
 * @param out results
 * @param err what is said about them
 * @param columns width of the terminal; empty when the output goes to a file or another program
 * @param colour whether colours help
 */
record Screen(PrintWriter out, PrintWriter err, OptionalInt columns, boolean colour) {
  private static final int USUAL_COLUMNS = 100;
  private static final String ESCAPE = "\u001b[";

  enum Tone {
    STRONG("1"),
    FAINT("2"),
    BAD("31");

    private final String code;

    Tone(String code) {
      this.code = code;
    }
  }

  /** The real one: the launcher says whether its standard output is a terminal, and how wide. */
  static Screen real(Map<String, String> environment) {
    OptionalInt columns = columns(environment.getOrDefault("KOYOMI_COLUMNS", ""));
    return new Screen(
        new PrintWriter(new OutputStreamWriter(System.out, System.out.charset()), true),
        new PrintWriter(new OutputStreamWriter(System.err, System.err.charset()), true),
        columns,
        columns.isPresent() && environment.getOrDefault("NO_COLOR", "").isEmpty());
  }

  private static OptionalInt columns(String text) {
    return text.matches("[1-9][0-9]{0,3}")
        ? OptionalInt.of(Integer.parseInt(text))
        : OptionalInt.empty();
  }

  int width() {
    return columns.orElse(USUAL_COLUMNS);
  }

  boolean terminal() {
    return columns.isPresent();
  }

  String in(Tone tone, String text) {
    return colour ? ESCAPE + tone.code + "m" + text + ESCAPE + "0m" : text;
  }

  void line(String text) {
    out.println(text);
  }

  void line() {
    out.println();
  }

  /** Replaces the present line of a terminal. */
  void replaceLine(String text) {
    out.print("\r" + ESCAPE + "K" + text);
    out.flush();
  }
}
