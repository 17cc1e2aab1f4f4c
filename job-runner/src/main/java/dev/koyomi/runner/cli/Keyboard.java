package dev.koyomi.runner.cli;

import java.io.Console;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What comes into a command while it runs. */
interface Keyboard {
  /** Whether a person sits there who can be asked. */
  boolean person();

  /** What the person types next; empty when the answer is to be read from nobody. */
  String line();

  /** All that a file or another program gives. */
  String text();

  /** The real one: the process's standard input. */
  static Keyboard real() {
    return new Keyboard() {
      // Not null from JDK 22 on, says the check; JDK 25 gives null again where there is no
      // terminal.
      @SuppressWarnings("SystemConsoleNull")
      @Override
      public boolean person() {
        @Nullable Console console = System.console();
        return console != null && console.isTerminal();
      }

      @Override
      public String line() {
        return Objects.requireNonNullElse(Objects.requireNonNull(System.console()).readLine(), "");
      }

      @Override
      public String text() {
        try {
          return new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException broken) {
          throw new UncheckedIOException(broken);
        }
      }
    };
  }
}
