package dev.koyomi.runner.cli;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A file that a person named. */
final class TextFile {
  private TextFile() {}

  /** The text in it; what cannot be read ends the command with a sentence. */
  static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new CommandProblem(ExitCode.WRONG, sentence(file, e));
    }
  }

  private static String sentence(Path file, IOException e) {
    if (Files.isDirectory(file)) {
      return "%s is a folder: give a file in it.".formatted(file);
    }
    return switch (e) {
      case NoSuchFileException _ -> "There is no file %s.".formatted(file);
      case AccessDeniedException _ -> "%s may not be read by this user.".formatted(file);
      case CharacterCodingException _ -> "%s is no text in UTF-8.".formatted(file);
      default -> "%s cannot be read: %s".formatted(file, e.getMessage());
    };
  }
}
