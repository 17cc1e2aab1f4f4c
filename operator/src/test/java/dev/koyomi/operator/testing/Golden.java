package dev.koyomi.operator.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A folder of files {@code in-NAME.yaml}, each with its {@code out-NAME.yaml}. Written anew with
 * {@code -Dkoyomi.update=true}.
 */
public final class Golden {
  private final Path folder;

  public Golden(String name) {
    folder = Path.of("src", "test", "resources", "golden", name);
  }

  /** The names, in order; a file that is neither an input nor an input's output fails. */
  public Set<String> names() {
    Set<String> names = parts("in-");
    if (!update()) {
      assertThat(parts("out-"))
          .as("each output has its input, each input its output")
          .isEqualTo(names);
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .as("unused files")
          .allMatch(file -> file.matches("(in|out)-.+\\.yaml"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return names;
  }

  private Set<String> parts(String prefix) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(file -> file.startsWith(prefix))
          .map(file -> file.substring(prefix.length(), file.length() - ".yaml".length()))
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public String input(String name) {
    return read("in-" + name + ".yaml");
  }

  public void assertOutput(String name, String found) {
    Path file = folder.resolve("out-" + name + ".yaml");
    if (update()) {
      try {
        Files.writeString(file, found);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    assertThat(found).isEqualTo(read("out-" + name + ".yaml"));
  }

  private static boolean update() {
    return Boolean.getBoolean("koyomi.update");
  }

  private String read(String file) {
    try {
      return Files.readString(folder.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
