package dev.koyomi.crds.plan;

import dev.koyomi.crds.Durations;
import dev.koyomi.crds.Rules;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads durations and quantities of bytes. What cannot be read is null, and a problem. */
final class AmountCheck {
  private final Problems problems;

  AmountCheck(Problems problems) {
    this.problems = problems;
  }

  @Nullable Duration duration(@Nullable String text, String field) {
    if (text == null) {
      return null;
    }
    Duration duration = Durations.parse(text).orElse(null);
    if (duration == null) {
      problems.add(field, Rules.DURATION);
    }
    return duration;
  }

  /** A duration that is not zero. */
  @Nullable Duration timeout(@Nullable String text, String field) {
    Duration duration = duration(text, field);
    if (duration != null && duration.isZero()) {
      problems.add(field, Rules.ZERO);
      return null;
    }
    return duration;
  }

  /**
   * A quantity of bytes; a fraction of a byte is left out.
   *
   * @param sentence what is said about a quantity below {@code min} or above {@code max}
   */
  @Nullable Long bytes(@Nullable String text, String field, long min, long max, String sentence) {
    if (text == null) {
      return null;
    }
    Optional<BigDecimal> amount = Quantities.amount(text);
    if (amount.isEmpty()) {
      problems.add(field, Rules.QUANTITY);
      return null;
    }
    if (amount.get().compareTo(BigDecimal.valueOf(min)) < 0
        || amount.get().compareTo(BigDecimal.valueOf(max)) > 0) {
      problems.add(field, sentence);
      return null;
    }
    return amount.get().longValue();
  }

  static boolean longer(@Nullable Duration a, @Nullable Duration b) {
    return a != null && b != null && a.compareTo(b) > 0;
  }
}
