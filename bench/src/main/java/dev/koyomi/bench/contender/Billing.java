package dev.koyomi.bench.contender;

import dev.koyomi.runner.settings.DatabaseAddress;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.util.Optional;

/**
 * Subscriptions and the invoices written for them. No key keeps a second invoice out: it is to be
 * seen.
 */
public final class Billing {
  public static final LocalDate DATE = LocalDate.parse(Contender.BILLING_DATE);

  private Billing() {}

  /** Makes the tables, with one subscription for each job. */
  public static void create(DatabaseAddress database, int subscriptions) throws SQLException {
    try (Connection connection = connect(database);
        Statement statement = connection.createStatement()) {
      statement.execute(
          """
          create table subscription (
            id int primary key, customer text not null, plan text not null, price_cents bigint not null);
          create table invoice (
            subscription_id int not null, billing_date date not null, amount_cents bigint not null,
            created_at timestamptz not null default now())
          """);
      statement.execute(
          """
          insert into subscription
          select g, 'customer ' || g, 'plan ' || g %% 7, 1000 + g %% 500 from generate_series(1, %d) g
          """
              .formatted(subscriptions));
    }
  }

  /** Writes one invoice inside the connection's transaction. */
  public static void invoice(Connection connection, int subscription) throws SQLException {
    long price;
    try (PreparedStatement select =
        connection.prepareStatement(
            "select price_cents from subscription where id = ? for update")) {
      select.setInt(1, subscription);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        price = row.getLong(1);
      }
    }
    try (PreparedStatement insert =
        connection.prepareStatement(
            "insert into invoice (subscription_id, billing_date, amount_cents) values (?, ?, ?)")) {
      insert.setInt(1, subscription);
      insert.setObject(2, DATE);
      insert.setLong(3, price);
      insert.executeUpdate();
    }
  }

  /** What is wrong when these jobs have been done: one invoice for each is right. */
  public static Optional<String> wrong(DatabaseAddress database, int jobs) throws SQLException {
    try (Connection connection = connect(database);
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select count(*), count(distinct subscription_id) from invoice")) {
      row.next();
      return row.getInt(1) == jobs && row.getInt(2) == jobs
          ? Optional.empty()
          : Optional.of(
              "%d invoices for %d subscriptions after %d jobs"
                  .formatted(row.getInt(1), row.getInt(2), jobs));
    }
  }

  /** The same where so many runs have a job for each subscription, and not all jobs are done. */
  public static Optional<String> wrong(DatabaseAddress database, long done, int runs)
      throws SQLException {
    try (Connection connection = connect(database);
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select coalesce(sum(n), 0), coalesce(max(n), 0)"
                    + " from (select count(*) as n from invoice group by subscription_id) i")) {
      row.next();
      return row.getLong(1) == done && row.getLong(2) <= runs
          ? Optional.empty()
          : Optional.of(
              "%d invoices after %d jobs, up to %d for a subscription that has %d jobs"
                  .formatted(row.getLong(1), done, row.getLong(2), runs));
    }
  }

  private static Connection connect(DatabaseAddress database) throws SQLException {
    return DriverManager.getConnection(
        database.jdbcUrl(), database.username(), database.password());
  }
}
