package dev.koyomi.runner.dev;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.Locale;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;
import org.jspecify.annotations.Nullable;

/** The programs of PostgreSQL, unpacked from the archive on the class path the first time. */
final class PostgresBinaries {
  private static final Set<PosixFilePermission> PROGRAM =
      PosixFilePermissions.fromString("rwxr-xr-x");
  private static final Set<PosixFilePermission> FILE = PosixFilePermissions.fromString("rw-r--r--");

  private PostgresBinaries() {}

  /** Folder with {@code bin}, {@code lib} and {@code share}, below the given one. */
  static Path in(Path folder) throws IOException {
    String archive = archiveOf(System.getProperty("os.name"), System.getProperty("os.arch"));
    @Nullable URL url = PostgresBinaries.class.getResource("/" + archive);
    if (url == null || !canUnpack()) {
      throw new LocalPostgresException(
          "There is no PostgreSQL for this machine on the class path ("
              + archive
              + "): run ./koyomi in the project's folder, or give a database with --database.");
    }
    Path home = folder.resolve("postgresql-" + fingerprint(url));
    if (!Files.exists(home)) {
      Path unfinished = Files.createTempDirectory(folder, "unpacking-");
      try (InputStream packed = url.openStream()) {
        unpack(packed, unfinished);
        Files.setPosixFilePermissions(unfinished, PROGRAM);
        Files.move(unfinished, home, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        delete(unfinished);
      }
    }
    return home;
  }

  /** The image of the workers has neither the archive nor what unpacks it. */
  private static boolean canUnpack() {
    return PostgresBinaries.class.getResource("/org/tukaani/xz/XZInputStream.class") != null;
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

  private static void unpack(InputStream packed, Path folder) throws IOException {
    try (var tar = new TarArchiveInputStream(new XZCompressorInputStream(packed))) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        Path target = entry.resolveIn(folder);
        Files.createDirectories(target.getParent());
        if (entry.isSymbolicLink()) {
          Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
        } else if (entry.isFile()) {
          Files.copy(tar, target);
          Files.setPosixFilePermissions(target, (entry.getMode() & 0100) != 0 ? PROGRAM : FILE);
        }
      }
    }
    try (var folders = Files.walk(folder).filter(Files::isDirectory)) {
      for (Path each : folders.toList()) {
        Files.setPosixFilePermissions(each, PROGRAM);
      }
    }
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
