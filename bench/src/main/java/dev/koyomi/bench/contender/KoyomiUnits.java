package dev.koyomi.bench.contender;

/** What a job does, as the SQL of a Unit. */
public enum KoyomiUnits {
  /** For one job. */
  ONE {
    @Override
    public String sql(Work work) {
      return switch (work) {
        case NOOP -> "SELECT :subscriptionId::int";
        case START -> "INSERT INTO started (id, at) VALUES (:subscriptionId, clock_timestamp())";
        case INVOICE ->
            """
            SELECT price_cents FROM subscription WHERE id = :subscriptionId FOR UPDATE;
            INSERT INTO invoice (subscription_id, billing_date, amount_cents)
            SELECT id, :billingDate, price_cents FROM subscription WHERE id = :subscriptionId
            """;
      };
    }
  },
  /** For all jobs of a slice. */
  SET {
    @Override
    public String sql(Work work) {
      return switch (work) {
        case NOOP ->
            """
            SELECT count("subscriptionId") FROM koyomi.jobs() AS job("subscriptionId" int)
            """;
        case START ->
            """
            INSERT INTO started (id, at)
            SELECT "subscriptionId", clock_timestamp() FROM koyomi.jobs() AS job("subscriptionId" int)
            """;
        case INVOICE ->
            """
            INSERT INTO invoice (subscription_id, billing_date, amount_cents)
            SELECT locked.id, locked."billingDate", locked.price_cents
            FROM (
              SELECT s.id, job."billingDate", s.price_cents
              FROM koyomi.jobs() AS job("subscriptionId" int, "billingDate" date)
              JOIN subscription s ON s.id = job."subscriptionId"
              ORDER BY s.id FOR UPDATE OF s) locked
            """;
      };
    }
  };

  public abstract String sql(Work work);
}
