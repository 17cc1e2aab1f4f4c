package dev.koyomi.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** A program that runs to its end. */
final class Command {
  private Command() {}

  /** How it ended; output and errors are one text. */
  record Ended(int status, String output) {}

  /** Runs a program that must succeed, and returns what it printed. */
  static String run(Path folder, List<String> words) {
    Ended ended = attempt(folder, words);
    if (ended.status() != 0) {
      throw new AssertionError(
          "%s ended with %d:%n%s"
              .formatted(String.join(" ", words), ended.status(), ended.output()));
    }
    return ended.output();
  }

  static Ended attempt(Path folder, List<String> words) {
    try {
      Process process =
          new ProcessBuilder(words).directory(folder.toFile()).redirectErrorStream(true).start();
      process.getOutputStream().close();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new Ended(process.waitFor(), output);
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }
}
