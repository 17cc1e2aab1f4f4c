package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** Selects the targets of one occurrence. */
public record Trigger(
    @JsonPropertyDescription(
            "Query in the batch's database; one row is one job. The column `key` identifies the"
                + " target, the other columns are the job's payload. :logicalDate is the"
                + " occurrence's date in spec.timeZone.")
        @Required
        @Size(min = 1, max = 65536)
        @Nullable String sql,
    @JsonPropertyDescription("How long the selection may take, such as 10m.")
        @Default("10m")
        @Pattern(Durations.PATTERN)
        @Nullable String timeout,
    @JsonPropertyDescription(
            "A selection of more targets is refused: nothing is enqueued and the run is Failed.")
        @Default("1000000")
        @Min(1)
        @Max(100000000)
        @Nullable Integer maxJobs,
    @JsonPropertyDescription("How a run without targets ends.") @Default("Succeed")
        @Nullable OnEmpty onEmpty) {
  public enum OnEmpty {
    Succeed,
    Fail
  }
}
