package dev.koyomi.runner.dev;

/** The local server cannot be had; the message is a sentence for the person at the keyboard. */
public final class LocalPostgresException extends RuntimeException {
  LocalPostgresException(String message) {
    super(message);
  }

  LocalPostgresException(String message, Throwable cause) {
    super(message, cause);
  }
}
