package dev.koyomi.runner.dev;

import com.sun.security.auth.module.UnixSystem;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The user that PostgreSQL runs as: the one who calls, or, as PostgreSQL refuses root, another one.
 *
 * @param name user name
 * @param prefix words before a command that make it run as this user; none for the caller itself
 */
record ServerUser(String name, List<String> prefix) {
  private static final int PATIENCE_SECONDS = 90;

  /** What a program ended with. */
  record Ended(int status, String output) {}

  static ServerUser find() throws IOException {
    UnixSystem caller = new UnixSystem();
    return caller.getUid() == 0
        ? unprivileged()
        : new ServerUser(System.getProperty("user.name"), List.of());
  }

  private static ServerUser unprivileged() throws IOException {
    List<String> refusals = new ArrayList<>();
    for (String name : List.of("postgres", "nobody")) {
      Ended group = execute(List.of("id", "-g", name), Path.of("/"));
      if (group.status() != 0) {
        refusals.add(group.output().strip());
        continue;
      }
      for (ServerUser user :
          List.of(
              new ServerUser(
                  name,
                  List.of(
                      "setpriv",
                      "--reuid=" + name,
                      "--regid=" + group.output().strip(),
                      "--clear-groups")),
              new ServerUser(name, List.of("runuser", "-u", name, "--")))) {
        Ended tried = user.run(Path.of("/"), "true");
        if (tried.status() == 0) {
          return user;
        }
        refusals.add(tried.output().strip());
      }
    }
    throw new LocalPostgresException(
        "PostgreSQL refuses to run as root, and no other user could be taken ("
            + String.join("; ", refusals)
            + "): call as an ordinary user, or give a database with --database.");
  }

  /** Whether this user gets into the folder. */
  boolean reaches(Path folder) throws IOException {
    return prefix.isEmpty()
        || run(Path.of("/"), "test", "-r", folder.toString(), "-a", "-x", folder.toString())
                .status()
            == 0;
  }

  /** Makes a private folder of this user; one that belongs to somebody else is refused. */
  void makePrivate(Path folder) throws IOException {
    if (Files.isSymbolicLink(folder)
        || (Files.exists(folder) && !Files.getOwner(folder).equals(principal()))) {
      throw new LocalPostgresException(
          "The folder %s belongs to %s and not to %s: remove it, or give a database with --database."
              .formatted(folder, Files.getOwner(folder).getName(), name));
    }
    if (!Files.exists(folder)) {
      LocalFolder.createPrivate(folder);
      own(folder);
    }
  }

  /** Gives a file to this user. */
  void own(Path file) throws IOException {
    Files.setOwner(file, principal());
  }

  private UserPrincipal principal() throws IOException {
    return FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName(name);
  }

  Ended run(Path directory, String... command) throws IOException {
    List<String> words = new ArrayList<>(prefix);
    words.addAll(List.of(command));
    return execute(words, directory);
  }

  private static Ended execute(List<String> command, Path directory) throws IOException {
    Path output = Files.createTempFile("koyomi-", ".out");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile());
      String path = builder.environment().getOrDefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
      // PostgreSQL's programs read PGPORT, PGDATA and others; none of ours is meant for them.
      builder.environment().clear();
      builder.environment().put("PATH", path);
      builder.environment().put("LC_ALL", "C");
      Process process;
      try {
        process = builder.start();
      } catch (IOException missing) {
        return new Ended(127, missing.toString());
      }
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return new Ended(-1, "%s did not end in time".formatted(command.getFirst()));
      }
      return new Ended(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new LocalPostgresException("Interrupted while waiting for PostgreSQL.", interrupted);
    } finally {
      Files.deleteIfExists(output);
    }
  }
}
