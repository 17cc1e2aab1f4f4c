package dev.koyomi.runner.dev;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What {@code postmaster.pid} says about the server of a data directory.
 *
 * @param pid process that wrote the file; not necessarily alive, nor a server
 * @param port where it listens
 */
record Postmaster(long pid, int port) {
  private static final int LINE_PID = 0;
  private static final int LINE_PORT = 3;

  static Path file(Path data) {
    return data.resolve("postmaster.pid");
  }

  static Optional<Postmaster> read(Path data) throws IOException {
    try {
      List<String> lines = Files.readAllLines(file(data));
      return lines.size() <= LINE_PORT
          ? Optional.empty()
          : Optional.of(
              new Postmaster(
                  Long.parseLong(lines.get(LINE_PID).strip()),
                  Integer.parseInt(lines.get(LINE_PORT).strip())));
    } catch (NoSuchFileException | NumberFormatException none) {
      return Optional.empty();
    }
  }

  boolean isAlive() {
    return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
  }

  /**
   * Whether the process is the server of this directory: after a crash or in a new container the
   * number may belong to any other program, also to another PostgreSQL.
   */
  boolean servesFrom(Path data) {
    return ProcessHandle.of(pid)
        .filter(ProcessHandle::isAlive)
        .map(ProcessHandle::info)
        .filter(info -> info.command().map(c -> Path.of(c).endsWith("postgres")).orElse(false))
        .flatMap(ProcessHandle.Info::arguments)
        .map(arguments -> Arrays.asList(arguments).contains(data.toString()))
        .orElse(false);
  }
}
