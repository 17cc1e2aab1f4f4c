package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** The business logic for one target. */
@JsonClassDescription(
    "The business logic for one target: one transaction that happens once or not at all.")
@ValidationRule(
    value = "self.sql.matches(r'\\S')",
    fieldPath = ".sql",
    message = Rules.NO_STATEMENT)
@ValidationRule(
    value = "self.timeout != '' && self.timeout.matches(r'" + Durations.PATTERN + "')",
    fieldPath = ".timeout",
    message = Rules.DURATION)
@ValidationRule(
    value = "!self.timeout.matches(r'^[0hms]+$')",
    fieldPath = ".timeout",
    message = Rules.ZERO)
public record Unit(
    @JsonPropertyDescription(
            "Statements of the transaction, without COMMIT or ROLLBACK. :name is the payload's"
                + " column of that name. When the last statement touches no row the job counts as"
                + " skipped.")
        @Required
        @Size(max = 65536)
        @Nullable String sql,
    @JsonPropertyDescription("How long one Unit may take, such as 30s.")
        @Default("30s")
        @Size(max = 40)
        @Nullable String timeout,
    @Default("{}") @Nullable Commit commit) {

  /** How many jobs one transaction does. */
  @JsonClassDescription("How many jobs one transaction does.")
  @ValidationRule(
      value = "!has(self.jobs) || self.mode == 'Many'",
      fieldPath = ".jobs",
      message = Rules.COMMIT_JOBS)
  public record Commit(
      @JsonPropertyDescription(
              "Each: every job commits on its own. Many: several jobs share a commit; when one of"
                  + " them fails they are done again one by one. Chunk: the statements work on all"
                  + " jobs of a portion of up to 500 at once; they read them from koyomi.jobs(), as"
                  + " in FROM koyomi.jobs() AS job(\"subscriptionId\" bigint), and have no"
                  + " parameters.")
          @Default("Each")
          @Nullable CommitMode mode,
      @JsonPropertyDescription(
              "At most this many jobs share a commit; only with mode Many, where the default is"
                  + " 50.")
          @Min(2)
          @Max(500)
          @Nullable Integer jobs) {}

  public enum CommitMode {
    /** Every job commits on its own. */
    Each,
    /** Several jobs share a commit. */
    Many,
    /** One statement works on all jobs of a portion. */
    Chunk
  }
}
