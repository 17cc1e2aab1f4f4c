package dev.koyomi.bench.contender;

/** What a job does. */
public enum Work {
  NOOP,
  INVOICE
}
