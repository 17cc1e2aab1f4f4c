package dev.koyomi.runner.releases;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * The runner of one release: this one, or an earlier one that is built from its commit in a working
 * tree of its own.
 *
 * @param classPath what its main class is started with
 */
record Release(String version, String classPath) {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Path COMMITS = ROOT.resolve("e2e/releases.txt");
  private static final Path FOLDER = Path.of("target", "releases").toAbsolutePath();

  /** What this build has just compiled. */
  static Release present() {
    return new Release(
        "present",
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
  }

  /** Builds it, unless an earlier run of the tests has left it under {@code target}. */
  static Release of(String version) throws IOException, InterruptedException {
    String commit = commit(version);
    Path kept = FOLDER.resolve(version + "-" + commit);
    if (!Files.exists(kept)) {
      Path tree = FOLDER.resolve("tree");
      remove(tree);
      try {
        build(tree, commit);
        Path target = tree.resolve("job-runner/target");
        Path made = Files.createDirectories(target.resolve("made"));
        Files.move(target.resolve("koyomi-job-runner.jar"), made.resolve("koyomi-job-runner.jar"));
        Files.move(target.resolve("lib"), made.resolve("lib"));
        Files.move(made, kept); // last, and at once: a run that was killed leaves none
      } finally {
        remove(tree);
      }
    }
    return new Release(version, kept.resolve("koyomi-job-runner.jar").toString());
  }

  /** The JVM keeps what it has loaded from a jar, and starts faster the next time. */
  List<String> options() {
    return Files.isRegularFile(Path.of(classPath))
        ? List.of(
            "-Xlog:disable",
            "-XX:+AutoCreateSharedArchive",
            "-XX:SharedArchiveFile=" + Path.of(classPath).resolveSibling("classes.jsa"))
        // Not the logging of the tests, which are on the class path too.
        : List.of("-Dlogback.configurationFile=logback.xml");
  }

  private static String commit(String version) throws IOException {
    try (Stream<String> lines = Files.lines(COMMITS)) {
      return lines
          .filter(line -> line.startsWith(version + " "))
          .map(line -> line.substring(version.length()).strip())
          .findFirst()
          .orElseThrow(() -> new IOException("%s has no line for %s".formatted(COMMITS, version)));
    }
  }

  private static void build(Path tree, String commit) throws IOException, InterruptedException {
    // Twice --force: also where git remembers such a tree, locked or not, that is gone.
    execute(
        ROOT,
        "the clone must be a full one, with the history of all releases",
        "git",
        "worktree",
        "add",
        "--force",
        "--force",
        "--detach",
        tree.toString(),
        commit);
    List<String> maven =
        new ArrayList<>(
            List.of(
                "mvn",
                "-B",
                "-ntp",
                "-q",
                "package",
                "-pl",
                "job-runner",
                "-am",
                "-Dmaven.test.skip=true",
                "-Dexec.skip=true"));
    String repository = System.getProperty("localRepository", "");
    if (!repository.isEmpty()) {
      maven.add("-Dmaven.repo.local=" + repository);
    }
    execute(tree, "the release does not build any more", maven.toArray(String[]::new));
  }

  /** Also one that a killed run has left behind. */
  private static void remove(Path tree) throws IOException, InterruptedException {
    if (Files.exists(tree.resolve(".git"))) {
      execute(
          ROOT,
          "delete that folder by hand",
          "git",
          "worktree",
          "remove",
          "--force",
          "--force",
          tree.toString());
    }
    if (Files.exists(tree)) {
      try (Stream<Path> all = Files.walk(tree)) {
        for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
  }

  private static void execute(Path folder, String advice, String... command)
      throws IOException, InterruptedException {
    Files.createDirectories(FOLDER);
    File log = FOLDER.resolve(command[0] + ".log").toFile();
    int exit =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log)
            .start()
            .waitFor();
    if (exit != 0) {
      throw new IOException(
          "%s: %s. It printed:%n%s"
              .formatted(String.join(" ", command), advice, Files.readString(log.toPath())));
    }
  }
}
