package dev.koyomi.runner.cli;

/** Exit codes, the same for people, for scripts and for a Job's podFailurePolicy. */
final class ExitCode {
  /** Done, or there was nothing to do. */
  static final int DONE = 0;

  /** Anything that has no code of its own. */
  static final int OTHER = 1;

  /** The command or the definition is wrong: the same will fail again. */
  static final int WRONG = 2;

  /** Not run, because a policy says so. */
  static final int SKIPPED = 3;

  /** Done, but jobs need attention. */
  static final int NEEDS_ATTENTION = 4;

  /** Not now: the same may work later, once the database or the way to it is mended. */
  static final int TRY_AGAIN = 75;

  private ExitCode() {}
}
