package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a user writes under {@code spec}; every component is null where the manifest is silent. */
@JsonClassDescription("What the batch does, when, and with what.")
@ValidationRule(
    value =
        "[self.workers.stopWithin, self.unit.timeout].exists(d, d == '' || !d.matches(r'"
            + Durations.PATTERN
            + "')) || duration(self.workers.stopWithin) >= duration(self.unit.timeout)",
    fieldPath = ".workers.stopWithin",
    message = Rules.STOP_WITHIN)
@ValidationRule(
    value = "has(self.trigger) || !has(self.schedules) || size(self.schedules) == 0",
    fieldPath = ".schedules",
    message = Rules.SCHEDULES_WITHOUT_TRIGGER)
@ValidationRule(
    value = "!has(self.image) || self.image.matches(r'" + Rules.IMAGE_PATTERN + "')",
    fieldPath = ".image",
    message = Rules.IMAGE)
public record BatchScheduleSpec(
    @JsonPropertyDescription(
            "IANA time zone of all entries of `schedules` and of the logical date, such as"
                + " Asia/Tokyo.")
        @Default("UTC")
        @Size(min = 1, max = 64)
        @Nullable String timeZone,
    @JsonPropertyDescription("When the batch fires. No entry: it fires only on request.")
        @Size(max = 10)
        @Nullable List<ScheduleEntry> schedules,
    @JsonPropertyDescription("No new runs while true; what runs goes on.") @Default("false")
        @Nullable Boolean suspend,
    @Default("{}") @Nullable Overlap overlap,
    @JsonPropertyDescription(
            "Selects the targets of one occurrence: one row of the query is one job. Without it"
                + " jobs come from koyomi.enqueue() alone.")
        @Nullable Trigger trigger,
    @Default("{}") @Nullable Job job,
    @Required @Nullable Unit unit,
    @Default("{}") @Nullable Workers workers,
    @JsonPropertyDescription(
            "Image of the trigger and the workers; default: the runner image that the operator was"
                + " installed with.")
        @Size(max = 512)
        @Nullable String image,
    @Nullable Resources resources,
    @JsonPropertyDescription(
            "Environment variables of the trigger and the workers. Names that begin with KOYOMI_"
                + " are the runner's own, but for KOYOMI_LOG_LEVEL, which it reads: DEBUG gives"
                + " lines for each job.")
        @Size(max = 100)
        @Nullable List<EnvVariable> env,
    @Default("{}") @Nullable Database database,
    @Default("{}") @Nullable History history) {}
