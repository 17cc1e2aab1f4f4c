package dev.koyomi.runner.dev;

import dev.koyomi.runner.settings.DatabaseAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A PostgreSQL server of one's own in a folder: set up the first time, found again when an earlier
 * process was killed, stopped when the last user of the folder closes it.
 */
public final class LocalPostgres implements AutoCloseable {
  /**
   * The database that {@link #address} leads to, and the role that owns it; not a superuser. Not
   * called koyomi: tables without a schema would land in the queue's, as it would be the role's
   * own.
   */
  public static final String DATABASE = "app";

  private final LocalFolder folder;
  private final LocalServer server;
  private final Optional<FolderLock> alone;
  private final FolderLock inUse;
  private final DatabaseAddress address;

  private LocalPostgres(
      LocalFolder folder,
      LocalServer server,
      Optional<FolderLock> alone,
      FolderLock inUse,
      DatabaseAddress address) {
    this.folder = folder;
    this.server = server;
    this.alone = alone;
    this.inUse = inUse;
    this.address = address;
  }

  /**
   * How the server is wanted.
   *
   * @param fresh throw away what an earlier one left
   * @param alone refuse when another process works here already; others may still read
   * @param parameters server parameters beyond the defaults
   */
  public record Options(boolean fresh, boolean alone, Map<String, String> parameters) {
    public Options {
      parameters = Map.copyOf(parameters);
    }

    public static Options shared() {
      return new Options(false, false, Map.of());
    }
  }

  /** Whether a server has been set up for this folder. */
  public static boolean exists(Path wanted) {
    try {
      return LocalFolder.exists(wanted);
    } catch (IOException failed) {
      throw new LocalPostgresException("%s cannot be read: %s".formatted(wanted, failed), failed);
    }
  }

  /** Returns a server that answers. */
  public static LocalPostgres start(Path wanted, Options options) {
    try {
      ServerUser user = ServerUser.find();
      LocalFolder folder = LocalFolder.choose(wanted, user);
      Optional<FolderLock> alone =
          options.alone() ? Optional.of(takeAlone(folder)) : Optional.empty();
      try (FolderLock _ = FolderLock.await(file(folder, "starting"), false)) {
        LocalServer server = new LocalServer(folder, user, options.parameters());
        if (options.fresh()) {
          wipe(folder, server);
        }
        DatabaseAddress address = server.answer();
        FolderLock inUse = FolderLock.await(file(folder, "in-use"), true);
        return new LocalPostgres(folder, server, alone, inUse, address);
      } catch (IOException | RuntimeException failed) {
        if (alone.isPresent()) {
          alone.get().close();
        }
        throw failed;
      }
    } catch (IOException failed) {
      throw new LocalPostgresException(
          "The local PostgreSQL in %s does not start: %s".formatted(wanted, failed), failed);
    }
  }

  private static FolderLock takeAlone(LocalFolder folder) throws IOException {
    return FolderLock.tryExclusive(file(folder, "alone"))
        .orElseThrow(
            () ->
                new LocalPostgresException(
                    "Another command works on the local database in %s: wait for its end, or stop it with Ctrl-C."
                        .formatted(folder.path())));
  }

  private static void wipe(LocalFolder folder, LocalServer server) throws IOException {
    try (FolderLock _ =
        FolderLock.tryExclusive(file(folder, "in-use"))
            .orElseThrow(
                () ->
                    new LocalPostgresException(
                        "Another command reads the local database in %s, which therefore cannot be wiped: wait for its end."
                            .formatted(folder.path())))) {
      server.stop();
      PostgresBinaries.delete(folder.data());
    }
  }

  private static Path file(LocalFolder folder, String purpose) {
    return folder.path().resolve(purpose + ".lock");
  }

  public DatabaseAddress address() {
    return address;
  }

  /** The same database for PostgreSQL's superuser. */
  public DatabaseAddress superuser() {
    return new DatabaseAddress(address.jdbcUrl(), LocalServer.SUPERUSER, address.password());
  }

  /** The folder that holds data and programs. */
  public Path folder() {
    return folder.path();
  }

  /** Whether that is another folder than the one asked for. */
  public boolean elsewhere() {
    return folder.elsewhere();
  }

  /** Stops the server unless another process still uses it. */
  @Override
  public void close() {
    try (FolderLock _ = FolderLock.await(file(folder, "starting"), false)) {
      inUse.close();
      Optional<FolderLock> last = FolderLock.tryExclusive(file(folder, "in-use"));
      if (last.isPresent()) {
        try (FolderLock _ = last.get()) {
          server.stop();
        }
      }
      if (alone.isPresent()) {
        alone.get().close();
      }
    } catch (IOException failed) {
      throw new LocalPostgresException(
          "The local PostgreSQL in %s does not stop: %s".formatted(folder.path(), failed), failed);
    }
  }
}
