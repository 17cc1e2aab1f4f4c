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
            "Units that one pod runs at a time; each needs one database connection. Jobs are"
                + " handed out in portions of up to 500, so a run of fewer is worked by one.")
        @Default("8")
        @Min(1)
        @Max(256)
        @Nullable Integer concurrency,
    @JsonPropertyDescription(
            "Time a stopping pod has to finish its running Units; at least unit.timeout. Becomes"
                + " terminationGracePeriodSeconds, with five seconds more.")
        @Default("60s")
        @Size(max = 40)
        @Nullable String stopWithin) {}
