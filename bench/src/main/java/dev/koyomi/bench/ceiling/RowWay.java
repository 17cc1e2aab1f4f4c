package dev.koyomi.bench.ceiling;

import dev.koyomi.bench.contender.Contender;
import java.io.IOException;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.stream.IntStream;
import org.postgresql.PGConnection;

/** A way to bring rows from a client into a plain table without keys. */
public enum RowWay {
  COPY("COPY") {
    @Override
    void store(Connection connection, int from, int to) throws SQLException, IOException {
      StringBuilder rows = new StringBuilder();
      for (int id = from; id <= to; id++) {
        rows.append(id).append('\t').append(payload(id)).append('\n');
      }
      connection
          .unwrap(PGConnection.class)
          .getCopyAPI()
          .copyIn("copy plain from stdin", new StringReader(rows.toString()));
    }
  },
  UNNEST("INSERT … unnest") {
    @Override
    void store(Connection connection, int from, int to) throws SQLException {
      try (PreparedStatement insert =
          connection.prepareStatement(
              "insert into plain select id, payload::jsonb from unnest(?::int[], ?::text[]) row"
                  + " (id, payload)")) {
        insert.setArray(
            1, connection.createArrayOf("int", IntStream.rangeClosed(from, to).boxed().toArray()));
        insert.setArray(
            2,
            connection.createArrayOf(
                "text", IntStream.rangeClosed(from, to).mapToObj(RowWay::payload).toArray()));
        insert.executeUpdate();
      }
    }
  };

  private static final int BATCH = 5_000;

  private final String title;

  RowWay(String title) {
    this.title = title;
  }

  abstract void store(Connection connection, int from, int to) throws SQLException, IOException;

  private static String payload(int id) {
    return "{\"subscriptionId\": " + id + ", \"billingDate\": \"" + Contender.BILLING_DATE + "\"}";
  }

  public String title() {
    return "%s, %,d rows each".formatted(title, BATCH);
  }

  /** Stores rows in batches, each a transaction of its own. */
  public void storeAll(Connection connection, int rows) throws SQLException, IOException {
    for (int from = 1; from <= rows; from += BATCH) {
      store(connection, from, Math.min(from + BATCH - 1, rows));
    }
  }
}
