package dev.koyomi.runner.queue;

import dev.koyomi.runner.testing.Billing;
import java.time.Duration;
import java.time.LocalDate;

/** Firings of the test's billing batch. */
final class Firings {
  private Firings() {}

  static Firing slot(Billing billing) {
    return request(billing, "");
  }

  static Firing request(Billing billing, String request) {
    return new Firing(
        billing.batchId(),
        Billing.SLOT,
        request,
        "nightly",
        LocalDate.parse("2026-11-01"),
        "r1",
        true,
        Duration.ofMinutes(1),
        false);
  }
}
