package dev.koyomi.e2e;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** A program that runs to its end. */
final class Command {
  private Command() {}

  /** How it ended, and what it printed. */
  record Ended(int status, String output, String errors) {}

  /** Runs a program that must succeed, and returns what it printed. */
  static String run(Path folder, List<String> words) {
    Ended ended = attempt(folder, words);
    if (ended.status() != 0) {
      throw new AssertionError(
          "%s ended with %d:%n%s%s"
              .formatted(String.join(" ", words), ended.status(), ended.output(), ended.errors()));
    }
    return ended.output();
  }

  static Ended attempt(Path folder, List<String> words) {
    try {
      Process process = new ProcessBuilder(words).directory(folder.toFile()).start();
      process.getOutputStream().close();
      FutureTask<String> errors = new FutureTask<>(() -> text(process.getErrorStream()));
      Thread.ofVirtual().start(errors);
      String output = text(process.getInputStream());
      return new Ended(process.waitFor(), output, errors.get());
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } catch (ExecutionException failed) {
      throw new IllegalStateException(failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  private static String text(InputStream stream) throws IOException {
    return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
  }
}
