package dev.koyomi.runner.cli;

import java.util.List;

/** Ends a command with sentences for the person who typed it; never with a stack trace. */
final class CommandProblem extends RuntimeException {
  private final int exitCode;
  private final List<String> sentences;

  CommandProblem(int exitCode, String sentence) {
    this(exitCode, List.of(sentence));
  }

  CommandProblem(int exitCode, List<String> sentences) {
    super(String.join(" ", sentences));
    this.exitCode = exitCode;
    this.sentences = List.copyOf(sentences);
  }

  int exitCode() {
    return exitCode;
  }

  List<String> sentences() {
    return sentences;
  }
}
