import com.google.googlejavaformat.java.Main;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs google-java-format over all of the project's Java files: {@code check} fails on a
 * difference, {@code write} mends it.
 */
final class Format {
  public static void main(String[] mode) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            mode[0].equals("write")
                ? List.of("--replace")
                : List.of("--dry-run", "--set-exit-if-changed"));
    try (var files = Files.walk(Path.of("."))) {
      files
          .map(Path::normalize)
          .filter(file -> file.toString().endsWith(".java") && !file.toString().contains("target/"))
          .filter(file -> !file.toString().startsWith("."))
          .sorted()
          .map(Path::toString)
          .forEach(arguments::add);
    }
    int status =
        new Main(new PrintWriter(System.out, true), new PrintWriter(System.err, true), System.in)
            .format(arguments.toArray(String[]::new));
    if (status != 0) {
      System.err.println(
          "The files above are not formatted: mvn -N process-sources -Dformat=write");
    }
    System.exit(status);
  }
}
