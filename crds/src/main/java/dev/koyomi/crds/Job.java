package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
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
      "Wait before each further attempt: initial × factor^(attempt − 1), at most max, plus or minus"
          + " the share jitter.")
  public record Backoff(
      @JsonPropertyDescription("Wait before the second attempt.")
          @Default("30s")
          @Pattern(Durations.PATTERN)
          @Nullable String initial,
      @JsonPropertyDescription("By how much each wait is longer than the one before.")
          @Default("2")
          @Min(1)
          @Max(10)
          @Nullable Double factor,
      @JsonPropertyDescription("Longest wait.") @Default("1h") @Pattern(Durations.PATTERN)
          @Nullable String max,
      @JsonPropertyDescription(
              "Random share by which a wait is made shorter or longer, so that many failures do not"
                  + " come back together.")
          @Default("0.2")
          @Min(0)
          @Max(1)
          @Nullable Double jitter) {}
}
