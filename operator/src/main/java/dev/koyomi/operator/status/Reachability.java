package dev.koyomi.operator.status;

/** Whether the operator can look at the batch's queue. */
public sealed interface Reachability {
  /** It can. */
  record Reachable() implements Reachability {}

  /** It cannot, for the reason that the sentence gives. */
  record Unreachable(String reason, String message) implements Reachability {}

  /** It did not try. */
  record Unknown(String message) implements Reachability {}
}
