package dev.koyomi.runner.queue;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** The batches that this database knows. */
public final class Batches {
  private final Jdbi jdbi;

  public Batches(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * A registered batch.
   *
   * @param id its number in the queue
   * @param definition that was registered last
   * @param mode Unordered, Fifo or FifoByKey
   */
  public record Batch(int id, String name, long generation, String definition, String mode) {
    /** Whether its jobs wait for one another. */
    public boolean ordered() {
      return !mode.equals("Unordered");
    }
  }

  /**
   * Makes a batch known or takes its new definition; new and changed schedule entries get the
   * present instant as watermark. Here, beside no operator, a batch is never suspended.
   *
   * @param incarnation tells an object from a later one of the same name, such as its uid
   * @return false when the queue knows a newer generation of the same object, and nothing was
   *     changed
   */
  public boolean register(String batch, String incarnation, long generation, String definition) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "select koyomi.register(:batch, :incarnation, :generation, false,"
                        + " cast(:definition as jsonb))")
                .bind("batch", batch)
                .bind("incarnation", incarnation)
                .bind("generation", generation)
                .bind("definition", definition)
                .mapTo(Boolean.class)
                .one());
  }

  public Optional<Batch> find(String name) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "select id, name, generation, definition::text as definition, mode from"
                        + " koyomi.batch where name = :name")
                .bind("name", name)
                .map(
                    (row, _) ->
                        new Batch(
                            row.getInt("id"),
                            row.getString("name"),
                            row.getLong("generation"),
                            row.getString("definition"),
                            row.getString("mode")))
                .findOne());
  }

  /**
   * Names of the batches that a person may mean: {@code namespace/name} itself, or a name that
   * stands in some namespace.
   */
  public List<String> matching(String name) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "select name from koyomi.batch where name = :name or split_part(name, '/', 2) ="
                        + " :name order by name")
                .bind("name", name)
                .mapTo(String.class)
                .list());
  }

  /** Of all batches that are registered. */
  public List<String> names() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select name from koyomi.batch order by name")
                .mapTo(String.class)
                .list());
  }

  /** Since when the entry's slots count; empty for an entry that is not registered. */
  public Optional<Instant> watermark(int batchId, String entry) {
    @Nullable Instant watermark =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        "select watermark from koyomi.entry where batch_id = :batchId and name ="
                            + " :entry")
                    .bind("batchId", batchId)
                    .bind("entry", entry)
                    .mapTo(Instant.class)
                    .findOne()
                    .orElse(null));
    return Optional.ofNullable(watermark);
  }
}
