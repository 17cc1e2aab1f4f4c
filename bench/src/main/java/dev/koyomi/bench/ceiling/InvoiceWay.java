package dev.koyomi.bench.ceiling;

import dev.koyomi.bench.contender.Billing;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.stream.IntStream;

/**
 * A way to write invoices for subscriptions, a few in each transaction.
 *
 * @param size subscriptions in a transaction
 * @param autoCommit what the connection is set to
 */
public record InvoiceWay(String title, int size, boolean autoCommit, Writer writer) {

  /** Writes the invoices of the subscriptions from this one to the last, and commits. */
  interface Writer {
    void write(Connection connection, int from, int to) throws SQLException;
  }

  /** Begin, select, insert and commit each wait for the server. */
  public static InvoiceWay fourRoundTrips() {
    return new InvoiceWay(
        "4 round trips",
        1,
        true,
        (connection, from, _) -> {
          execute(connection, "begin");
          Billing.invoice(connection, from);
          execute(connection, "commit");
        });
  }

  /** The driver's transactions, whose begin travels with their first statement. */
  public static InvoiceWay transactions(int size) {
    return new InvoiceWay(
        size == 1 ? "3 round trips (JDBC transaction)" : "%d jobs a commit".formatted(size),
        size,
        false,
        (connection, from, to) -> {
          for (int id = from; id <= to; id++) {
            Billing.invoice(connection, id);
          }
          connection.commit();
        });
  }

  /** The whole transaction as one statement of many parts, sent at once. */
  public static InvoiceWay flush(int size) {
    return new InvoiceWay(
        size == 1 ? "1 flush" : "%d jobs a commit, 1 flush".formatted(size),
        size,
        true,
        InvoiceWay::writeAtOnce);
  }

  private static void writeAtOnce(Connection connection, int from, int to) throws SQLException {
    String job =
        """
        select price_cents from subscription where id = ? for update;
        insert into invoice (subscription_id, billing_date, amount_cents)
        select id, ?, price_cents from subscription where id = ?;
        """;
    try (PreparedStatement all =
        connection.prepareStatement("begin;\n" + job.repeat(to - from + 1) + "commit")) {
      int parameter = 1;
      for (int id = from; id <= to; id++) {
        all.setInt(parameter++, id);
        all.setObject(parameter++, Billing.DATE);
        all.setInt(parameter++, id);
      }
      all.execute();
      while (all.getMoreResults() || all.getUpdateCount() != -1) {
        // The next part's result: an error in any of them surfaces here.
      }
    }
  }

  /** One statement for all. */
  public static InvoiceWay set(int size) {
    return new InvoiceWay(
        "1 statement for %d jobs".formatted(size),
        size,
        true,
        (connection, from, to) -> {
          try (PreparedStatement insert =
              connection.prepareStatement(
                  """
                  insert into invoice (subscription_id, billing_date, amount_cents)
                  select id, ?, price_cents
                  from (select id, price_cents from subscription where id = any(?) order by id for update) locked
                  """)) {
            insert.setObject(1, Billing.DATE);
            insert.setArray(
                2,
                connection.createArrayOf("int", IntStream.rangeClosed(from, to).boxed().toArray()));
            insert.executeUpdate();
          }
        });
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.execute();
    }
  }

  public void write(Connection connection, int from, int to) throws SQLException {
    writer.write(connection, from, to);
  }
}
