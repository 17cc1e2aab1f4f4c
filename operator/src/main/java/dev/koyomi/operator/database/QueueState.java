package dev.koyomi.operator.database;

/** How the last look at a queue went. */
public sealed interface QueueState {
  /** It can be used. */
  record Working() implements QueueState {}

  /** Its schema is older than this release needs; version 0: there is none. */
  record Behind(int version) implements QueueState {}

  /** Its schema was made by a newer release. */
  record Ahead(int version) implements QueueState {}

  /** It belongs to another installation. */
  record Foreign(String message) implements QueueState {}

  /** It could not be looked at. */
  record Unreachable(String reason, String message) implements QueueState {}
}
