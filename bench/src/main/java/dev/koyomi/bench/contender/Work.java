package dev.koyomi.bench.contender;

/** What a job does. */
public enum Work {
  NOOP,
  /** Nothing but to tell when it started. */
  START,
  INVOICE
}
