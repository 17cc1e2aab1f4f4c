package dev.koyomi.operator;

import java.util.concurrent.CompletableFuture;

/** Until when the process lives, and with which exit code it ends: the first word counts. */
final class Life {
  private final CompletableFuture<Integer> end = new CompletableFuture<>();

  void end(int exitCode) {
    end.complete(exitCode);
  }

  int awaitEnd() throws InterruptedException {
    try {
      return end.get();
    } catch (java.util.concurrent.ExecutionException e) {
      throw new IllegalStateException("It is never completed exceptionally.", e);
    }
  }
}
