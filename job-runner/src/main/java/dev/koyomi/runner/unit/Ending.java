package dev.koyomi.runner.unit;

import dev.koyomi.runner.queue.JobFailure;
import java.sql.SQLException;

/** Why a stride ended where it did. */
public sealed interface Ending {
  /** It went as far as it should or could; nothing failed. */
  record Reached() implements Ending {}

  /**
   * The next jobs failed and were rolled back; the attempt counts.
   *
   * @param jobs how many failed for this reason: more than one only where no job could succeed
   * @param retryable false: no attempt can succeed before somebody changes something
   */
  record Failed(JobFailure failure, int jobs, boolean retryable) implements Ending {
    Failed(JobFailure failure, boolean retryable) {
      this(failure, 1, retryable);
    }
  }

  /** Rolled back: the slice is no longer held as it was leased. Not an attempt. */
  record Fenced() implements Ending {}

  /** The database went away; what is committed is known only when it is back. Not an attempt. */
  record Disconnected(SQLException cause) implements Ending {}

  /**
   * Rolled back: something that the Unit uses cannot be reached, though the queue's database can.
   * Not an attempt, but where others are worked meanwhile.
   *
   * @param failure what it is then
   */
  record Unreachable(Failed failure) implements Ending {}
}
