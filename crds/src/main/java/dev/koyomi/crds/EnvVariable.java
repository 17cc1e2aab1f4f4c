package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** One environment variable: a value, or where it comes from. */
@JsonClassDescription("One environment variable: a value, or where it comes from.")
@ValidationRule(
    value = "self.name.matches(r'" + Rules.ENV_NAME_PATTERN + "')",
    fieldPath = ".name",
    message = Rules.ENV_NAME)
@ValidationRule(
    value =
        "!self.name.startsWith('"
            + Rules.ENV_OWN_PREFIX
            + "') || self.name == '"
            + Rules.ENV_LOG_LEVEL
            + "'",
    fieldPath = ".name",
    message = Rules.ENV_OWN)
@ValidationRule(value = "has(self.value) != has(self.valueFrom)", message = Rules.ENV_VALUE)
public record EnvVariable(
    @JsonPropertyDescription("Name of the variable.") @Required @Size(max = 253)
        @Nullable String name,
    @JsonPropertyDescription("The value.") @Size(max = 32768) @Nullable String value,
    @JsonPropertyDescription("Where the value comes from, instead of `value`.")
        @Nullable Source valueFrom) {

  /** Exactly one of the two. */
  @JsonClassDescription("Where a value comes from: exactly one of the two.")
  @ValidationRule(
      value = "has(self.secretKeyRef) != has(self.configMapKeyRef)",
      message = Rules.ENV_SOURCE)
  public record Source(
      @JsonPropertyDescription("A key of a Secret in the same namespace.")
          @Nullable KeyRef secretKeyRef,
      @JsonPropertyDescription("A key of a ConfigMap in the same namespace.")
          @Nullable KeyRef configMapKeyRef) {}

  /** A key in an object of the same namespace. */
  @JsonClassDescription("A key in an object of the same namespace.")
  public record KeyRef(
      @JsonPropertyDescription("Name of the object.") @Required @Size(min = 1, max = 253)
          @Nullable String name,
      @JsonPropertyDescription("Key in the object.") @Required @Size(min = 1, max = 253)
          @Nullable String key,
      @JsonPropertyDescription("When true the object or the key may be missing.") @Default("false")
          @Nullable Boolean optional) {}
}
