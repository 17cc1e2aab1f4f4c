package dev.koyomi.runner.queue;

/**
 * Why an attempt failed, in words for a person.
 *
 * @param errorClass for programs and grouping, such as an SQLSTATE or {@code Timeout}
 * @param kind what the job becomes when it is not tried again
 */
public record JobFailure(String errorClass, String message, Kind kind) {
  public enum Kind {
    Dead,
    Parked
  }
}
