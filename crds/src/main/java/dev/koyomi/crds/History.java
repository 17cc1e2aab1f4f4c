package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** How long the queue remembers what was done. */
@JsonClassDescription("How long the queue remembers what was done.")
public record History(
    @JsonPropertyDescription(
            "Days that a run is kept after it ended, with all that is known of its jobs. A run with"
                + " jobs that need attention is kept until they are retried or discarded.")
        @Default("90")
        @Min(1)
        @Max(3650)
        @Nullable Integer days) {}
