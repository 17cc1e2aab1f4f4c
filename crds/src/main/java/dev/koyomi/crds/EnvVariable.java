package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** One environment variable: a value, or where it comes from. */
public record EnvVariable(
    @JsonPropertyDescription("Name of the variable.")
        @Required
        @Size(min = 1, max = 253)
        @Pattern("^[A-Za-z_][A-Za-z0-9_]*$")
        @Nullable String name,
    @JsonPropertyDescription("The value.") @Size(max = 32768) @Nullable String value,
    @JsonPropertyDescription("Where the value comes from, instead of `value`.")
        @Nullable Source valueFrom) {

  /** Exactly one of the two. */
  public record Source(
      @JsonPropertyDescription("A key of a Secret in the same namespace.")
          @Nullable KeyRef secretKeyRef,
      @JsonPropertyDescription("A key of a ConfigMap in the same namespace.")
          @Nullable KeyRef configMapKeyRef) {}

  public record KeyRef(
      @JsonPropertyDescription("Name of the object.") @Required @Size(min = 1, max = 253)
          @Nullable String name,
      @JsonPropertyDescription("Key in the object.") @Required @Size(min = 1, max = 253)
          @Nullable String key,
      @JsonPropertyDescription("When true the object or the key may be missing.") @Default("false")
          @Nullable Boolean optional) {}
}
