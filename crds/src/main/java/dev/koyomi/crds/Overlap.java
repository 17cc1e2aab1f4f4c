package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import org.jspecify.annotations.Nullable;

/** What happens when the batch fires while an earlier run, selection or work, is not over. */
@JsonClassDescription(
    "What happens when the batch fires while its last run, selection or work, is not over.")
public record Overlap(
    @JsonPropertyDescription(
            "Skip: the new occurrence is recorded as skipped, with the reason. Allow: runs may work"
                + " side by side.")
        @Default("Skip")
        @Nullable Policy policy) {
  public enum Policy {
    /** The new occurrence is recorded as skipped, with the reason. */
    Skip,
    /** Runs may work side by side. */
    Allow
  }
}
