package dev.koyomi.runner.unit;

import dev.koyomi.runner.queue.JobFailure;
import java.sql.SQLException;

/** How one attempt of a job ended. */
public sealed interface Ending {
  /** The Unit's writes and the cursor are committed. */
  record Done() implements Ending {}

  /** Committed; the Unit found nothing to do. */
  record Skipped(String reason) implements Ending {}

  /** Rolled back; the attempt counts. */
  record Failed(JobFailure failure, boolean retryable) implements Ending {}

  /** Rolled back: the job is no longer ours. Not an attempt. */
  record Fenced() implements Ending {}

  /** The database went away; what is committed is known only when it is back. Not an attempt. */
  record Disconnected(SQLException cause) implements Ending {}
}
