package dev.koyomi.crds.plan;

import java.util.Objects;

/** A text that is not YAML; the message is a sentence for the person who wrote it. */
public final class ManifestProblem extends Exception {
  ManifestProblem(String message) {
    super(Sentences.line(message));
  }

  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }
}
