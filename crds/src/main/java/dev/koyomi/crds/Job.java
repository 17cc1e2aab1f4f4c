package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** How each target's job is handled. */
@JsonClassDescription("How each target's job is handled.")
public record Job(@Default("{}") @Nullable Retry retry) {

  @JsonClassDescription("What happens to a job whose Unit fails.")
  public record Retry(
      @JsonPropertyDescription(
              "Attempts before the job is set aside for a person; 1 means no retry.")
          @Default("10")
          @Min(1)
          @Max(100)
          @Nullable Integer maxAttempts,
      @Default("{}") @Nullable Backoff backoff) {}

  @JsonClassDescription(
      "Wait before each further attempt: initial × factor^(attempt − 1), at most max, made shorter"
          + " or longer by a random share of up to jitter.")
  @ValidationRule(
      value =
          "!has(self.initial) || self.initial != '' && self.initial.matches(r'"
              + Durations.PATTERN
              + "')",
      fieldPath = ".initial",
      message = Rules.DURATION)
  @ValidationRule(
      value = "!has(self.max) || self.max != '' && self.max.matches(r'" + Durations.PATTERN + "')",
      fieldPath = ".max",
      message = Rules.DURATION)
  @ValidationRule(
      value =
          "!has(self.initial) || !has(self.max) || [self.initial, self.max].exists(d, d == '' ||"
              + " !d.matches(r'"
              + Durations.PATTERN
              + "')) || duration(self.initial) <= duration(self.max)",
      fieldPath = ".initial",
      message = Rules.BACKOFF)
  public record Backoff(
      @JsonPropertyDescription("Wait before the second attempt.") @Default("30s") @Size(max = 40)
          @Nullable String initial,
      @JsonPropertyDescription("By how much each wait is longer than the one before.")
          @Default("2")
          @Min(1)
          @Max(10)
          @Nullable Double factor,
      @JsonPropertyDescription("Longest wait.") @Default("1h") @Size(max = 40) @Nullable String max,
      @JsonPropertyDescription(
              "Random share by which a wait is made shorter or longer, so that many failures do not"
                  + " come back together.")
          @Default("0.2")
          @Min(0)
          @Max(1)
          @Nullable Double jitter) {}
}
