package dev.koyomi.crds.plan;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * When a job whose Unit failed is tried again.
 *
 * @param maxAttempts attempts in all
 * @param backoff the waits between them
 * @param on other rules for some errors; the first that names the error decides
 * @param onLost times that a worker may crash while it runs the job alone
 */
public record RetryPolicy(int maxAttempts, Backoff backoff, List<ForErrors> on, int onLost) {
  private static final Pattern SQLSTATE = Pattern.compile("[0-9A-Z]{5}");
  private static final int CLASS_LENGTH = 2;

  public RetryPolicy {
    on = List.copyOf(on);
  }

  /**
   * The rule for some errors.
   *
   * @param errors SQLSTATEs, classes of them (two characters) and names such as Timeout
   * @param maxAttempts attempts in all; 1 means that it is never tried again
   * @param backoff the waits between them
   */
  public record ForErrors(List<String> errors, int maxAttempts, Backoff backoff) {
    public ForErrors {
      errors = List.copyOf(errors);
    }

    /** Whether the error is one of these; a class of SQLSTATEs names all that begin with it. */
    boolean names(String errorClass) {
      return errors.contains(errorClass)
          || (SQLSTATE.matcher(errorClass).matches()
              && errors.contains(errorClass.substring(0, CLASS_LENGTH)));
    }
  }

  /**
   * The wait after a failed attempt.
   *
   * @param errorClass what it failed with, such as an SQLSTATE or {@code Timeout}
   * @param attempt number of the attempt that failed, from 1
   * @param random01 a random number from 0 to 1
   * @return empty when there is no further attempt
   */
  public Optional<Duration> waitAfter(String errorClass, int attempt, double random01) {
    Optional<ForErrors> special = rule(errorClass);
    int attempts = special.map(ForErrors::maxAttempts).orElse(maxAttempts);
    return attempt >= attempts
        ? Optional.empty()
        : Optional.of(special.map(ForErrors::backoff).orElse(backoff).waitAfter(attempt, random01));
  }

  /** Whether there is a rule of its own for the error. */
  public boolean names(String errorClass) {
    return rule(errorClass).isPresent();
  }

  private Optional<ForErrors> rule(String errorClass) {
    return on.stream().filter(rule -> rule.names(errorClass)).findFirst();
  }
}
