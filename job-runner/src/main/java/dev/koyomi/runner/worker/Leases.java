package dev.koyomi.runner.worker;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the slots of a process hold or have asked for. Once an answer was lost, whatever else has
 * the name of the process goes back at each beat.
 */
final class Leases {
  /** Whether the answer has come. */
  private final Map<Long, Boolean> leases = new ConcurrentHashMap<>();

  private volatile boolean answerLost;

  void add(long lease, boolean answered) {
    leases.put(lease, answered);
  }

  void remove(long lease) {
    leases.remove(lease);
  }

  /** Whether nothing is held for certain. */
  boolean none() {
    return !leases.containsValue(true);
  }

  /** A connection broke while a slot held or asked for one. */
  void lostAnAnswer() {
    answerLost = true;
  }

  /** Whether the queue may have leases under the process's name that no slot knows of. */
  boolean mayBeMore() {
    return answerLost;
  }

  Set<Long> all() {
    return Set.copyOf(leases.keySet());
  }
}
