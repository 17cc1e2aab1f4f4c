package dev.koyomi.runner.dev;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Where the local server lives.
 *
 * @param path the folder
 * @param elsewhere whether it is another one than the caller asked for, because the server's user
 *     does not get in there
 */
record LocalFolder(Path path, boolean elsewhere) {

  /** Whether a server has been set up for this folder. */
  static boolean exists(Path wanted) throws IOException {
    return Files.exists(wanted)
        && (new LocalFolder(wanted, false).inUse() || substitute(wanted).inUse());
  }

  private boolean inUse() {
    return Files.exists(data());
  }

  private static LocalFolder substitute(Path wanted) throws IOException {
    return new LocalFolder(Path.of("/var/tmp", "koyomi-" + fingerprint(wanted.toRealPath())), true);
  }

  static LocalFolder choose(Path wanted, ServerUser user) throws IOException {
    Files.createDirectories(
        wanted, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    if (user.reaches(wanted.toRealPath())) {
      return new LocalFolder(wanted.toRealPath(), false);
    }
    LocalFolder other = substitute(wanted);
    user.makePrivate(other.path());
    return other;
  }

  static void createPrivate(Path folder) throws IOException {
    Files.createDirectory(
        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
  }

  private static String fingerprint(Path folder) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(folder.toString().getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 6);
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  Path data() {
    return path.resolve("data");
  }

  Path password() {
    return data().resolve("koyomi.password");
  }

  Path log() {
    return data().resolve("koyomi.log");
  }
}
