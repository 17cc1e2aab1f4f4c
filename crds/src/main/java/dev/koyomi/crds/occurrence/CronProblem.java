package dev.koyomi.crds.occurrence;

import java.util.Objects;

/** A text that is not a cron expression; the message is a sentence for the person who wrote it. */
public final class CronProblem extends Exception {
  CronProblem(String message) {
    super(message);
  }

  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }
}
