package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How each target's job is handled. */
@JsonClassDescription("How each target's job is handled.")
@ValidationRule(
    value =
        "!has(self.order) || !has(self.priority) || self.order.mode == 'Unordered' ||"
            + " self.priority == 'Normal'",
    fieldPath = ".priority",
    message = Rules.PRIORITY)
@ValidationRule(
    value =
        "!has(self.maxPayload) || isQuantity(self.maxPayload) && !self.maxPayload.startsWith('-')",
    fieldPath = ".maxPayload",
    message = Rules.QUANTITY)
@ValidationRule(
    value =
        "!has(self.maxPayload) || !isQuantity(self.maxPayload) || self.maxPayload.startsWith('-')"
            + " || !quantity(self.maxPayload).isLessThan(quantity('1')) &&"
            + " !quantity(self.maxPayload).isGreaterThan(quantity('1Mi'))",
    fieldPath = ".maxPayload",
    message = Rules.MAX_PAYLOAD)
public record Job(
    @Default("{}") @Nullable Order order,
    @JsonPropertyDescription(
            "Which of the batch's waiting jobs go first: those of High before those of Normal, and"
                + " these before Low. Every fourth turn of a slot takes what has waited longest, so"
                + " that none waits for ever.")
        @Default("Normal")
        @Nullable Priority priority,
    @Default("{}") @Nullable Retry retry,
    @Default("{}") @Nullable Limits limits,
    @JsonPropertyDescription(
            "Largest payload of one job, as JSON, as a quantity of bytes up to 1Mi; a larger one is"
                + " refused before anything is enqueued.")
        @Default("256Ki")
        @Size(max = 64)
        @Nullable String maxPayload) {

  /** Which job waits for which. */
  @JsonClassDescription("Which job waits for which.")
  @ValidationRule(
      value = "!has(self.lanes) || self.mode == 'FifoByKey'",
      fieldPath = ".lanes",
      message = Rules.LANES)
  @ValidationRule(
      value = "!has(self.onDead) || self.mode != 'Unordered'",
      fieldPath = ".onDead",
      message = Rules.ON_DEAD)
  public record Order(
      @JsonPropertyDescription(
              "Unordered: any job at any time. Fifo: one job at a time, in the order of the"
                  + " trigger's query, which needs ORDER BY. FifoByKey: the same within each lane;"
                  + " a key always has the same lane.")
          @Default("Unordered")
          @Nullable OrderMode mode,
      @JsonPropertyDescription(
              "Lanes that the keys are spread over; only with mode FifoByKey, where the default is"
                  + " 256.")
          @Min(1)
          @Max(256)
          @Nullable Integer lanes,
      @JsonPropertyDescription(
              "What a job that needs attention does to those behind it; only with mode Fifo or"
                  + " FifoByKey. Continue, which is the default: they go on. StopLane: they wait"
                  + " until a person has decided.")
          @Nullable OnDead onDead) {}

  public enum OrderMode {
    /** Any job at any time. */
    Unordered,
    /** One after the other. */
    Fifo,
    /** One after the other among those with the same key. */
    FifoByKey
  }

  public enum OnDead {
    /** Those behind it go on. */
    Continue,
    /** Those behind it wait until a person has decided. */
    StopLane
  }

  public enum Priority {
    High,
    Normal,
    Low
  }

  /** What happens to a job whose Unit fails. */
  @JsonClassDescription("What happens to a job whose Unit fails.")
  public record Retry(
      @JsonPropertyDescription(
              "Attempts before the job is set aside for a person; 1 means no retry.")
          @Default("10")
          @Min(1)
          @Max(100)
          @Nullable Integer maxAttempts,
      @Default("{}") @Nullable Backoff backoff,
      @JsonPropertyDescription(
              "Other rules for some errors; the first entry that names the error decides. YAML"
                  + " takes this key for true unless it is in quotes: \"on\".")
          @Size(max = 20)
          @Nullable List<ForErrors> on,
      @JsonPropertyDescription(
              "Times that a worker may crash while it runs this job alone, before the job is set"
                  + " aside for a person.")
          @Default("3")
          @Min(1)
          @Max(100)
          @Nullable Integer onLost) {}

  /** What happens to a job whose Unit fails with one of some errors. */
  @JsonClassDescription("What happens to a job whose Unit fails with one of these errors.")
  @ValidationRule(
      value = "self.errors.all(e, e.matches(r'" + Rules.ERROR_NAME_PATTERN + "'))",
      fieldPath = ".errors",
      message = Rules.ERROR_NAME)
  public record ForErrors(
      @JsonPropertyDescription(
              "Names of errors: an SQLSTATE such as 23505, the two characters of a class of them"
                  + " such as 23, or the name Timeout.")
          @Required
          @Size(min = 1, max = 50)
          @Nullable List<@Size(max = 60) String> errors,
      @JsonPropertyDescription(
              "Attempts before the job is set aside for a person; 1 means no retry. Default: that"
                  + " of `retry`.")
          @Min(1)
          @Max(100)
          @Nullable Integer maxAttempts,
      @JsonPropertyDescription("Wait before each further attempt; default: that of `retry`.")
          @Nullable Backoff backoff) {}

  /** Wait before each further attempt. */
  @JsonClassDescription(
      "Wait before each further attempt: that of `delays`, or else initial × factor^(attempt − 1),"
          + " at most max; made shorter or longer by a random share of up to jitter.")
  @ValidationRule(
      value = "!has(self.delays) || !has(self.initial) && !has(self.factor) && !has(self.max)",
      fieldPath = ".delays",
      message = Rules.DELAYS)
  @ValidationRule(
      value =
          "!has(self.initial) || self.initial != '' && self.initial.matches(r'"
              + Durations.PATTERN
              + "')",
      fieldPath = ".initial",
      message = Rules.DURATION)
  @ValidationRule(
      value = "!has(self.max) || self.max != '' && self.max.matches(r'" + Durations.PATTERN + "')",
      fieldPath = ".max",
      message = Rules.DURATION)
  @ValidationRule(
      value =
          "!has(self.delays) || self.delays.all(d, d != '' && d.matches(r'"
              + Durations.PATTERN
              + "'))",
      fieldPath = ".delays",
      message = Rules.DURATION)
  @ValidationRule(
      value =
          "has(self.initial) && (self.initial == '' || !self.initial.matches(r'"
              + Durations.PATTERN
              + "')) || has(self.max) && (self.max == '' || !self.max.matches(r'"
              + Durations.PATTERN
              + "')) || duration(has(self.initial) ? self.initial : '"
              + Backoff.INITIAL
              + "') <= duration(has(self.max) ? self.max : '"
              + Backoff.MAX
              + "')",
      fieldPath = ".initial",
      message = Rules.BACKOFF)
  public record Backoff(
      @JsonPropertyDescription("Wait before the second attempt; 30s unless `delays` is there.")
          @Size(max = 40)
          @Nullable String initial,
      @JsonPropertyDescription(
              "By how much each wait is longer than the one before; 2 unless `delays` is there.")
          @Min(1)
          @Max(10)
          @Nullable Double factor,
      @JsonPropertyDescription("Longest wait; 1h unless `delays` is there.") @Size(max = 40)
          @Nullable String max,
      @JsonPropertyDescription(
              "The waits one by one, such as 10s, 1m and 10m, instead of initial, factor and max;"
                  + " the last one repeats.")
          @Size(min = 1, max = 20)
          @Nullable List<@Size(max = 40) String> delays,
      @JsonPropertyDescription(
              "Random share by which a wait is made shorter or longer, so that many failures do not"
                  + " come back together.")
          @Default("0.2")
          @Min(0)
          @Max(1)
          @Nullable Double jitter) {
    /**
     * What {@code initial} is when the manifest is silent; CEL would take a default for written.
     */
    public static final String INITIAL = "30s";

    /** What {@code factor} is when the manifest is silent. */
    public static final double FACTOR = 2;

    /** What {@code max} is when the manifest is silent. */
    public static final String MAX = "1h";
  }

  /** How much of the batch may run at a time, over all pods. */
  @JsonClassDescription("How much of the batch may run at a time, over all pods.")
  @ValidationRule(
      value = "!has(self.rate) || self.rate.matches(r'" + Rules.RATE_PATTERN + "')",
      fieldPath = ".rate",
      message = Rules.RATE)
  public record Limits(
      @JsonPropertyDescription("Jobs that run at a time; default: what the workers can.")
          @Min(1)
          @Max(10000)
          @Nullable Integer concurrency,
      @JsonPropertyDescription(
              "Jobs that begin per second, minute or hour, such as 10/s, 600/m or 1000/h; default:"
                  + " no limit.")
          @Size(max = 16)
          @Nullable String rate) {}
}
