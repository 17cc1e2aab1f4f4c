package dev.koyomi.runner.dev;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A batch as `dev` takes it.
 *
 * @param manifest the file with the BatchSchedule
 * @param sql what makes its tables and data, in this order; may be empty
 */
public record BatchFolder(Path manifest, List<Path> sql) {
  private static final List<String> SQL = List.of("schema.sql", "data.sql");

  public BatchFolder {
    sql = List.copyOf(sql);
  }

  /** A file of SQL beside the manifest that mends what is wrong with the data on purpose. */
  public Optional<Path> fix() {
    return Optional.of(manifest.resolveSibling("fix.sql")).filter(Files::exists);
  }

  /**
   * What was given on the command line, followed to its files.
   *
   * @param given a manifest, or a folder with one
   */
  public static Found find(Path given) throws IOException {
    if (Files.isDirectory(given)) {
      try (Stream<Path> files = Files.list(given)) {
        List<Path> manifests =
            files.filter(file -> file.toString().matches(".*\\.ya?ml")).sorted().toList();
        return manifests.size() == 1 ? of(manifests.getFirst()) : new Found.NotOne(manifests);
      }
    }
    return Files.exists(given) ? of(given) : new Found.Nothing();
  }

  /** What is there. */
  public sealed interface Found {
    record Batch(BatchFolder folder) implements Found {}

    record Nothing() implements Found {}

    record NotOne(List<Path> manifests) implements Found {}
  }

  private static Found of(Path manifest) {
    return new Found.Batch(
        new BatchFolder(
            manifest, SQL.stream().map(manifest::resolveSibling).filter(Files::exists).toList()));
  }
}
