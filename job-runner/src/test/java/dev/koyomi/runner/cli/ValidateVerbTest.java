package dev.koyomi.runner.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

class ValidateVerbTest {
  /** The manifests whose sentences the module of the custom resources keeps. */
  private static final Path MANIFESTS =
      Path.of("..", "crds", "src", "test", "resources", "manifests");

  @TempDir private Path folder;

  @TestFactory
  Stream<DynamicTest> saysWhatThePlannerSays() throws IOException {
    return yaml(MANIFESTS.resolve("wrong")).stream()
        .map(
            file -> DynamicTest.dynamicTest(file.getFileName().toString(), () -> assertSaid(file)));
  }

  private static void assertSaid(Path file) throws IOException {
    Path sentences =
        file.resolveSibling(file.getFileName().toString().replace(".yaml", ".planner.txt"));
    Typed typed = Typed.anywhere().type("validate", file.toString());
    assertThat(typed.out().lines())
        .containsExactlyElementsOf(
            Files.readAllLines(sentences).stream().map(line -> file + ": " + line).toList());
    assertThat(typed.exitCode()).isEqualTo(ExitCode.WRONG);
  }

  @Test
  void takesTheRightOnes() throws IOException {
    List<String> files = yaml(MANIFESTS.resolve("right")).stream().map(Path::toString).toList();
    Typed typed =
        Typed.anywhere()
            .type(Stream.concat(Stream.of("validate"), files.stream()).toArray(String[]::new));
    assertThat(typed.out().lines())
        .hasSameSizeAs(files)
        .allMatch(line -> line.contains(" is valid"));
    assertThat(typed.exitCode()).isEqualTo(ExitCode.DONE);
  }

  @Test
  void takesTheExample() {
    Golden.assertScreen(
        "validate",
        Typed.anywhere().type("validate", "../examples/billing/issue-invoices.yaml").all());
  }

  @Test
  void saysAllAboutSeveralFilesAtOnceAlsoAsJson() throws IOException {
    Path broken = Files.writeString(folder.resolve("broken.yaml"), "a: b: c\n");
    Path empty = Files.writeString(folder.resolve("empty.yaml"), "# nothing\n");
    Path wrong =
        Files.writeString(
            folder.resolve("wrong.yaml"),
            """
            apiVersion: koyomi.dev/v1alpha1
            kind: BatchSchedule
            metadata: {name: x}
            spec:
              timeZone: Asia/Tokio
              schedules: [{name: nightly, cron: "0 0 1 * * *"}]
              unit: {sql: "select 1; commit"}
            """);
    String[] words = {"validate", broken.toString(), empty.toString(), wrong.toString()};
    Golden.assertScreen("validate-wrong", within(Typed.anywhere().type(words)));
    String[] asJson = {words[0], "-o", "json", words[1], words[2], words[3]};
    Golden.assertScreen("validate-wrong-json", within(Typed.anywhere().type(asJson)));
  }

  @Test
  void saysThatAFileIsNotThere() {
    Golden.assertScreen(
        "validate-no-file", Typed.anywhere().type("validate", "no-such.yaml").all());
  }

  private String within(Typed typed) {
    return typed.all().replace(folder.toString(), "FOLDER");
  }

  private static List<Path> yaml(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }
}
