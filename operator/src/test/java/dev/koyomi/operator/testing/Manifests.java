package dev.koyomi.operator.testing;

/** Manifests for tests. */
public final class Manifests {
  private Manifests() {}

  /** A batch that fires at night and has two entries. */
  public static String invoices() {
    return """
    apiVersion: koyomi.dev/v1alpha1
    kind: BatchSchedule
    metadata: {name: invoices}
    spec:
      timeZone: Asia/Tokyo
      schedules:
        - {name: nightly, cron: "0 1 * * *"}
        - {name: monthly, cron: "0 5 1 * *"}
      trigger: {sql: "SELECT id AS key FROM subscription"}
      unit: {sql: "INSERT INTO invoice (id) VALUES (:key)"}
      workers: {max: 2}
      resources: {requests: {cpu: 1000m, memory: 1.5Gi}, limits: {memory: 2048Mi}}
      env:
        - {name: EMPTY, value: ""}
        - {name: REGION, value: jp}
    """;
  }
}
