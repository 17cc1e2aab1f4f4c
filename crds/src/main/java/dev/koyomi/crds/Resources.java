package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Compute resources of the trigger and of each worker pod, as Kubernetes writes them. */
@JsonClassDescription(
    "Compute resources of the trigger's pod and of each worker pod; default: none are asked for.")
@ValidationRule(
    value =
        "!has(self.requests) || self.requests.all(k, type(self.requests[k]) == int ?"
            + " self.requests[k] >= 0 : isQuantity(self.requests[k]) &&"
            + " !self.requests[k].startsWith('-'))",
    fieldPath = ".requests",
    message = Rules.QUANTITY)
@ValidationRule(
    value =
        "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits)"
            + " || !isQuantity(string(self.requests[k])) || !isQuantity(string(self.limits[k]))"
            + " || !quantity(string(self.requests[k]))"
            + ".isGreaterThan(quantity(string(self.limits[k]))))",
    fieldPath = ".requests",
    message = Rules.REQUESTS)
@ValidationRule(
    value =
        "!has(self.limits) || self.limits.all(k, type(self.limits[k]) == int ? self.limits[k] >= 0"
            + " : isQuantity(self.limits[k]) && !self.limits[k].startsWith('-'))",
    fieldPath = ".limits",
    message = Rules.QUANTITY)
public record Resources(
    @JsonPropertyDescription(
            "What the scheduler reserves: cpu, memory, ephemeral-storage as Kubernetes quantities.")
        @Size(max = 16)
        @Nullable Map<String, String> requests,
    @JsonPropertyDescription(
            "What a pod may use at most: cpu, memory, ephemeral-storage as Kubernetes quantities.")
        @Size(max = 16)
        @Nullable Map<String, String> limits) {}
