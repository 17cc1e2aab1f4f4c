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

/** Selects the targets of one occurrence. */
@JsonClassDescription("Selects the targets of one occurrence: one row of the query is one job.")
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
public record Trigger(
    @JsonPropertyDescription(
            "Query in the batch's database or that of `database`; one row is one job. The column"
                + " `key` identifies the target, the other columns are the job's payload."
                + " :logicalDate is the occurrence's date in spec.timeZone.")
        @Required
        @Size(max = 65536)
        @Nullable String sql,
    @JsonPropertyDescription("How long the selection may take, such as 10m.")
        @Default("10m")
        @Size(max = 40)
        @Nullable String timeout,
    @JsonPropertyDescription(
            "A selection of more targets is refused: nothing is enqueued and the run is Failed.")
        @Default("1000000")
        @Min(1)
        @Max(100000000)
        @Nullable Integer maxJobs,
    @JsonPropertyDescription("How a run without targets ends.") @Default("Succeed")
        @Nullable OnEmpty onEmpty,
    @Nullable Source database) {
  /** Another database to select in. */
  @JsonClassDescription(
      "Another PostgreSQL database that the query runs in, such as a read replica; default: that of"
          + " spec.database.")
  @ValidationRule(
      value = "self.secretName.matches(r'" + Rules.SECRET_NAME_PATTERN + "')",
      fieldPath = ".secretName",
      message = Rules.SECRET_NAME)
  public record Source(
      @JsonPropertyDescription(
              "Secret of the same namespace with the keys jdbc-uri (or host, port and dbname),"
                  + " username and password. Only the trigger's pod reads it.")
          @Required
          @Size(max = 253)
          @Nullable String secretName) {}

  public enum OnEmpty {
    Succeed,
    Fail
  }
}
