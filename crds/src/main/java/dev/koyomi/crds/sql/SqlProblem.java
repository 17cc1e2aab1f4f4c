package dev.koyomi.crds.sql;

import java.util.Objects;

/** A text that is not SQL; the message is a sentence for the person who wrote it. */
public final class SqlProblem extends Exception {
  SqlProblem(String message) {
    super(message);
  }

  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }
}
