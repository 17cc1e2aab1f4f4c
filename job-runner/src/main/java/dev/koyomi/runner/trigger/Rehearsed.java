package dev.koyomi.runner.trigger;

import dev.koyomi.runner.queue.Rehearsal;
import java.time.LocalDate;

/** What a selection would give. */
public sealed interface Rehearsed {
  /** It would give this. */
  record Targets(LocalDate logicalDate, Rehearsal found) implements Rehearsed {}

  /** It would be refused until the definition or the data changes. */
  record Refused(String message) implements Rehearsed {}

  /** It failed for a reason that may or may not pass. */
  record Failed(String message) implements Rehearsed {}
}
