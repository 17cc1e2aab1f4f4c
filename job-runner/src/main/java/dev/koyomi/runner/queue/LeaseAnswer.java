package dev.koyomi.runner.queue;

import java.time.Duration;

/** What a worker gets that asks for work. */
public sealed interface LeaseAnswer {
  record Leased(LeasedSlice slice) implements LeaseAnswer {}

  /** Nothing is ready. */
  record Nothing() implements LeaseAnswer {}

  /** There is work, but a limit of the batch is reached. */
  record Limited(Duration after) implements LeaseAnswer {}
}
