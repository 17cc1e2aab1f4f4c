package dev.koyomi.crds;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Compute resources of the trigger and of each worker pod, as Kubernetes writes them. */
@JsonClassDescription("Compute resources of the trigger and of each worker pod.")
public record Resources(
    @JsonPropertyDescription(
            "What the scheduler reserves: cpu, memory, ephemeral-storage as Kubernetes quantities.")
        @Nullable Map<String, String> requests,
    @JsonPropertyDescription(
            "What a pod may use at most: cpu, memory, ephemeral-storage as Kubernetes quantities.")
        @Nullable Map<String, String> limits) {}
