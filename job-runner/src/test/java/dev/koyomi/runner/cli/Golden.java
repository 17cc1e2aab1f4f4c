package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Screens as they are to be; {@code -Dkoyomi.update=true} writes them anew. */
final class Golden {
  private static final Path SCREENS = Path.of("src", "test", "resources", "screens");

  private Golden() {}

  static void assertScreen(String name, String screen) {
    Path file = SCREENS.resolve(name + ".txt");
    try {
      if (Boolean.getBoolean("koyomi.update")) {
        Files.createDirectories(SCREENS);
        Files.writeString(file, screen);
      }
      assertThat(screen).isEqualTo(Files.readString(file));
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }
}
