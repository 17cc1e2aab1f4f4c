package dev.koyomi.runner.chaos;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;

/** Short questions and orders to the database. */
record Sql(Jdbi jdbi) {
  /** The one number of a query; 0 when it gives no row or null. */
  long number(String sql) {
    return jdbi.withHandle(
        handle -> handle.createQuery(sql).mapTo(Long.class).findOne().orElse(0L));
  }

  /** The one text of a query; empty when it gives no row or null. */
  Optional<String> text(String sql) {
    return texts(sql).stream().filter(Objects::nonNull).findFirst();
  }

  List<String> texts(String sql) {
    return jdbi.withHandle(handle -> handle.createQuery(sql).mapTo(String.class).list());
  }

  void run(String sql) {
    jdbi.useHandle(handle -> handle.execute(sql));
  }
}
