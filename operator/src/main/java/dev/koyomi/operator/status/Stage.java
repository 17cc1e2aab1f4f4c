package dev.koyomi.operator.status;

/** How far a manifest was carried out. */
public sealed interface Stage {
  /** All objects are as the manifest says. */
  record Applied(Rollout rollout, boolean suspended) implements Stage {}

  /** The operator waits for something that comes without a person. */
  record Waiting(String reason, String message) implements Stage {}

  /** A person must change something. */
  record Stalled(String reason, String message) implements Stage {}
}
