package dev.koyomi.runner.history;

import java.time.Instant;

/**
 * One attempt that failed.
 *
 * @param number from 1
 * @param pod where it was made
 */
public record Attempt(int number, String errorClass, String message, String pod, Instant at) {}
