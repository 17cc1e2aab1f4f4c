package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** The pods that run the Units. */
@JsonClassDescription("The pods that run the Units.")
@ValidationRule(
    value =
        "!has(self.stopWithin) || self.stopWithin != '' && self.stopWithin.matches(r'"
            + Durations.PATTERN
            + "')",
    fieldPath = ".stopWithin",
    message = Rules.DURATION)
public record Workers(
    @JsonPropertyDescription("Number of worker pods.") @Default("1") @Min(1) @Max(1000)
        @Nullable Integer max,
    @JsonPropertyDescription(
            "Units that one pod runs at a time; each needs one database connection. A run of few"
                + " jobs is shared out too, among those that are idle.")
        @Default("8")
        @Min(1)
        @Max(256)
        @Nullable Integer concurrency,
    @JsonPropertyDescription(
            "Time a stopping pod has to finish its running Units; at least unit.timeout. Becomes"
                + " terminationGracePeriodSeconds, with five seconds more.")
        @Default("60s")
        @Size(max = 40)
        @Nullable String stopWithin,
    @Default("{}") @Nullable Recycle recycle) {

  /** When a worker pod ends by itself and is started anew. */
  @JsonClassDescription(
      "When a worker pod finishes what it runs, ends and is started anew, which bounds what leaks;"
          + " whichever comes first.")
  @ValidationRule(
      value =
          "!has(self.maxTime) || self.maxTime != '' && self.maxTime.matches(r'"
              + Durations.PATTERN
              + "')",
      fieldPath = ".maxTime",
      message = Rules.DURATION)
  @ValidationRule(
      value =
          "!has(self.maxTime) || self.maxTime == '' || !self.maxTime.matches(r'"
              + Durations.PATTERN
              + "') || duration(self.maxTime) >= duration('10m')",
      fieldPath = ".maxTime",
      message = Rules.MAX_TIME)
  @ValidationRule(
      value =
          "!has(self.softMemory) || isQuantity(self.softMemory) &&"
              + " !self.softMemory.startsWith('-')",
      fieldPath = ".softMemory",
      message = Rules.QUANTITY)
  @ValidationRule(
      value =
          "!has(self.softMemory) || !isQuantity(self.softMemory) || self.softMemory.startsWith('-')"
              + " || !quantity(self.softMemory).isLessThan(quantity('1Mi')) &&"
              + " !quantity(self.softMemory).isGreaterThan(quantity('1Ti'))",
      fieldPath = ".softMemory",
      message = Rules.SOFT_MEMORY)
  public record Recycle(
      @JsonPropertyDescription("After this time; at least 10m.") @Default("1h") @Size(max = 40)
          @Nullable String maxTime,
      @JsonPropertyDescription("After this many jobs; default: no limit.") @Min(1) @Max(1000000000)
          @Nullable Long maxJobs,
      @JsonPropertyDescription(
              "When the process uses more memory than this, such as 400Mi; below the memory limit"
                  + " of `resources`. Default: no limit.")
          @Size(max = 64)
          @Nullable String softMemory) {}
}
