package dev.koyomi.runner.cli;

import java.util.Locale;
import java.util.Set;
import picocli.CommandLine.Option;

/** {@code --dry-run} and {@code --yes} of a verb that takes something away. */
final class Consent {
  private static final Set<String> YES = Set.of("y", "yes");

  @Option(names = "--dry-run", description = "Only say what would be done.")
  private boolean dryRun;

  @Option(names = "--yes", description = "Do it without asking.")
  private boolean yes;

  /** Whether nothing is to be done in any case. */
  boolean isDryRun() {
    return dryRun;
  }

  /** Whether it must first be found out what would be done. */
  boolean isAsked() {
    return dryRun || !yes;
  }

  /** After what would be done was shown: whether it is to be done. */
  boolean given(Surroundings surroundings) {
    Screen screen = surroundings.screen();
    if (dryRun) {
      screen.line("Nothing was changed.");
      return false;
    }
    if (!surroundings.keyboard().person()) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "Nothing was changed, as nobody can be asked here: add --yes to have it done.");
    }
    screen.out().print("Do it? [y/N] ");
    screen.out().flush();
    if (YES.contains(surroundings.keyboard().line().strip().toLowerCase(Locale.ROOT))) {
      return true;
    }
    screen.line("Nothing was changed.");
    return false;
  }
}
