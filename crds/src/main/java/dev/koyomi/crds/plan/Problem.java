package dev.koyomi.crds.plan;

/**
 * One thing that is wrong with a manifest.
 *
 * @param field path as it is typed, such as {@code spec.schedules[0].cron}; empty for the whole
 *     manifest
 * @param message a sentence: what is wrong and what to do
 */
public record Problem(String field, String message) {
  @Override
  public String toString() {
    return field.isEmpty() ? message : field + ": " + message;
  }
}
