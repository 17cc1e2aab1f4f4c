package dev.koyomi.runner.dev;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The programs of PostgreSQL, unpacked from the archive on the class path the first time. */
final class PostgresBinaries {
  private PostgresBinaries() {}

  /** Folder with {@code bin}, {@code lib} and {@code share}, below the given one. */
  static Path in(Path folder) throws IOException {
    String archive = archiveOf(System.getProperty("os.name"), System.getProperty("os.arch"));
    @Nullable URL url = PostgresBinaries.class.getResource("/" + archive);
    if (url == null) {
      throw new LocalPostgresException(
          "There is no PostgreSQL for this machine on the class path ("
              + archive
              + "): run ./koyomi in the project's folder, or give a database with --database.");
    }
    Path home = folder.resolve("postgresql-" + fingerprint(url));
    if (!Files.exists(home)) {
      Path unfinished = Files.createTempDirectory(folder, "unpacking-");
      try (InputStream packed = url.openStream()) {
        PostgresArchive.unpack(packed, unfinished);
        Files.setPosixFilePermissions(unfinished, PostgresArchive.PROGRAM);
        Files.move(unfinished, home, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        delete(unfinished);
      }
    }
    return home;
  }

  static String archiveOf(String system, String architecture) {
    String name = system.toLowerCase(Locale.ROOT).startsWith("mac") ? "darwin" : "linux";
    boolean arm = architecture.equals("aarch64") || architecture.equals("arm64");
    return "postgres-%s-%s.txz".formatted(name, arm ? "arm_64" : "x86_64");
  }

  /** Another archive gets another folder, so that an update of the binaries takes effect. */
  private static String fingerprint(URL url) throws IOException {
    return url.openConnection() instanceof JarURLConnection jar
        ? Long.toHexString(jar.getJarEntry().getCrc())
        : "local";
  }

  static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (var all = Files.walk(folder)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(each);
      }
    }
  }
}
