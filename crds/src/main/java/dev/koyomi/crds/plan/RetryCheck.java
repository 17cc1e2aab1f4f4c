package dev.koyomi.crds.plan;

import static java.util.Objects.requireNonNullElse;

import dev.koyomi.crds.Job;
import dev.koyomi.crds.Rules;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Checks when a job that failed is tried again. What cannot be read is null, and a problem. */
final class RetryCheck {
  private static final String FIELD = "spec.job.retry";

  private final Problems problems;
  private final AmountCheck amounts;

  RetryCheck(Problems problems) {
    this.problems = problems;
    this.amounts = new AmountCheck(problems);
  }

  @Nullable RetryPolicy policy(Job.@Nullable Retry retry) {
    if (retry == null) {
      return null;
    }
    Backoff backoff = backoff(retry.backoff(), FIELD + ".backoff");
    List<RetryPolicy.ForErrors> on = on(retry, backoff);
    return retry.maxAttempts() == null || backoff == null || retry.onLost() == null
        ? null
        : new RetryPolicy(retry.maxAttempts(), backoff, on, retry.onLost());
  }

  /** An entry that cannot be read is left out. */
  private List<RetryPolicy.ForErrors> on(Job.Retry retry, @Nullable Backoff usual) {
    List<RetryPolicy.ForErrors> rules = new ArrayList<>();
    List<Job.ForErrors> entries = retry.on() == null ? List.of() : retry.on();
    Map<String, String> places = new HashMap<>();
    for (int i = 0; i < entries.size(); i++) {
      Job.ForErrors entry = entries.get(i);
      if (entry == null) {
        continue;
      }
      String path = FIELD + ".on[" + i + "]";
      List<String> errors = errors(entry.errors(), path + ".errors", places);
      Integer attempts = entry.maxAttempts() == null ? retry.maxAttempts() : entry.maxAttempts();
      Backoff backoff =
          entry.backoff() == null ? usual : backoff(entry.backoff(), path + ".backoff");
      if (attempts != null && backoff != null) {
        rules.add(new RetryPolicy.ForErrors(errors, attempts, backoff));
      }
    }
    return rules;
  }

  private List<String> errors(
      @Nullable List<String> given, String field, Map<String, String> places) {
    List<String> errors = new ArrayList<>();
    for (String error : given == null ? List.<String>of() : given) {
      if (error == null) {
        continue;
      }
      if (!error.matches(Rules.ERROR_NAME_PATTERN)) {
        problems.add(field, Rules.ERROR_NAME);
      }
      String before = places.putIfAbsent(error, field);
      if (before != null) {
        problems.add(
            field,
            "\"%s\" is in %s already, and the first that names an error decides: take it out."
                .formatted(error, before));
      }
      errors.add(error);
    }
    return errors;
  }

  private @Nullable Backoff backoff(Job.@Nullable Backoff given, String field) {
    if (given == null) {
      return null;
    }
    Duration initial =
        amounts.duration(
            requireNonNullElse(given.initial(), Job.Backoff.INITIAL), field + ".initial");
    Duration max =
        amounts.duration(requireNonNullElse(given.max(), Job.Backoff.MAX), field + ".max");
    if (AmountCheck.longer(initial, max)) {
      problems.add(field + ".initial", Rules.BACKOFF);
    }
    List<Duration> delays = delays(given.delays(), field + ".delays");
    if (given.delays() != null
        && (given.initial() != null || given.factor() != null || given.max() != null)) {
      problems.add(field + ".delays", Rules.DELAYS);
    }
    if (given.jitter() == null || initial == null || max == null) {
      return null;
    }
    return delays.isEmpty()
        ? new Backoff.Exponential(
            initial, requireNonNullElse(given.factor(), Job.Backoff.FACTOR), max, given.jitter())
        : new Backoff.Delays(delays, given.jitter());
  }

  /** A wait that cannot be read is left out. */
  private List<Duration> delays(@Nullable List<String> given, String field) {
    List<Duration> delays = new ArrayList<>();
    for (String text : given == null ? List.<String>of() : given) {
      Duration delay = amounts.duration(text, field);
      if (delay != null) {
        delays.add(delay);
      }
    }
    return delays;
  }
}
