package dev.koyomi.runner.dev;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A lock between processes that ends with its process, however that ends. */
final class FolderLock implements AutoCloseable {
  private final FileChannel channel;

  private FolderLock(FileChannel channel) {
    this.channel = channel;
  }

  /** Waits for the lock. */
  static FolderLock await(Path file, boolean shared) throws IOException {
    FileChannel channel = open(file);
    channel.lock(0, Long.MAX_VALUE, shared);
    return new FolderLock(channel);
  }

  /** Takes the lock when nobody has it. */
  static Optional<FolderLock> tryExclusive(Path file) throws IOException {
    FileChannel channel = open(file);
    try {
      @Nullable FileLock lock = channel.tryLock();
      if (lock != null) {
        return Optional.of(new FolderLock(channel));
      }
    } catch (OverlappingFileLockException ours) {
      // Somebody else in this process has it.
    }
    channel.close();
    return Optional.empty();
  }

  private static FileChannel open(Path file) throws IOException {
    return FileChannel.open(
        file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
