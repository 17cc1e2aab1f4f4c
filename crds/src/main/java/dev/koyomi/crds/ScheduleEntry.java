package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import dev.koyomi.crds.occurrence.Cron;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** One line of the timetable; becomes one CronJob called {@code <schedule>-<name>}. */
@JsonClassDescription("One line of the timetable; becomes one CronJob called <schedule>-<name>.")
@ValidationRule(
    value = "self.name.matches(r'" + Rules.ENTRY_NAME_PATTERN + "')",
    fieldPath = ".name",
    message = Rules.ENTRY_NAME)
@ValidationRule(
    value = "self.cron.matches(r'" + Cron.SHAPE + "')",
    fieldPath = ".cron",
    message = Cron.SHAPE_SENTENCE)
@ValidationRule(
    value =
        "!self.cron.matches(r'" + Cron.SHAPE + "') || self.cron.matches(r'" + Cron.SYMBOLS + "')",
    fieldPath = ".cron",
    message = Cron.SYMBOLS_SENTENCE)
public record ScheduleEntry(
    @JsonPropertyDescription(
            "Name of the entry, unique in the list; the CronJob is called <schedule>-<entry>, at"
                + " most 52 characters.")
        @Required
        @Size(max = 50)
        @Nullable String name,
    @JsonPropertyDescription(
            "Cron expression of five fields (minute hour day-of-month month day-of-week) or a macro"
                + " such as @daily, in spec.timeZone.")
        @Required
        @Size(max = 100)
        @Nullable String cron) {}
