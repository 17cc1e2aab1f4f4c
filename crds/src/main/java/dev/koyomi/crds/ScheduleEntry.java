package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** One line of the timetable; becomes one CronJob called {@code <schedule>-<name>}. */
public record ScheduleEntry(
    @JsonPropertyDescription(
            "Name of the entry, unique in the list; the CronJob is called <schedule>-<entry>, at"
                + " most 52 characters.")
        @Required
        @Size(min = 1, max = 50)
        @Pattern("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
        @Nullable String name,
    @JsonPropertyDescription(
            "Cron expression of five fields (minute hour day-of-month month day-of-week) or a macro"
                + " such as @daily, in spec.timeZone.")
        @Required
        @Size(min = 1, max = 100)
        @Nullable String cron) {}
