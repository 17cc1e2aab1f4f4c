package dev.koyomi.operator.database;

/** What a batch's Secret gave. */
public sealed interface SecretRead {
  /** An address. */
  record Found(DatabaseAddress address) implements SecretRead {}

  /** Nothing to connect with; the sentence says why and what to do. */
  record Unusable(String reason, String message) implements SecretRead {}
}
