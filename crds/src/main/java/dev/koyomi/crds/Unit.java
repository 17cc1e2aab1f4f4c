package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** The business logic for one target. */
@JsonClassDescription(
    "The business logic for one target: one transaction that happens once or not at all.")
public record Unit(
    @JsonPropertyDescription(
            "Statements of the transaction, without COMMIT or ROLLBACK. :name is the payload's"
                + " column of that name. When the last statement touches no row the job counts as"
                + " skipped.")
        @Required
        @Size(min = 1, max = 65536)
        @Nullable String sql,
    @JsonPropertyDescription("How long one Unit may take, such as 30s.")
        @Default("30s")
        @Pattern(Durations.PATTERN)
        @Nullable String timeout) {}
