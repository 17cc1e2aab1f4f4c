package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a real API server answers to the golden manifests of crds; the README there explains. */
@ExtendWith(OnCluster.class)
final class GoldenManifestTest {
  private static final Path MANIFESTS = Path.of("../crds/src/test/resources/manifests");
  private static Room room;

  @TempDir private Path folder;

  @BeforeAll
  static void room(Room room) {
    GoldenManifestTest.room = room;
  }

  static List<Path> right() throws IOException {
    return manifests("right");
  }

  static List<Path> wrong() throws IOException {
    return manifests("wrong");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("right")
  void isTaken(Path manifest) throws IOException {
    Command.Ended ended = apply(manifest);
    assertThat(ended.status()).as(ended.errors()).isZero();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("wrong")
  void isAnsweredWithTheseWords(Path manifest) throws IOException {
    Path golden = Path.of(manifest.toString().replace(".yaml", ".server.txt"));
    List<String> lines = Files.readAllLines(golden);
    Command.Ended ended = apply(manifest);
    if (lines.isEmpty()) {
      assertThat(ended.status()).as(ended.errors()).isZero();
    } else {
      assertThat(ended.status()).isNotZero();
      assertThat(lines).allSatisfy(line -> assertThat(ended.errors()).contains(parts(line)));
    }
  }

  /** Where, and which words. */
  private static List<String> parts(String line) {
    int colon = line.indexOf(": ");
    return List.of(line.substring(0, colon), line.substring(colon + 2));
  }

  private Command.Ended apply(Path manifest) throws IOException {
    String text =
        Files.readString(manifest).replace("namespace: billing", "namespace: " + room.namespace());
    Path here = Files.writeString(folder.resolve("manifest.yaml"), text);
    return Command.attempt(
        folder,
        List.of(
            "kubectl",
            "apply",
            "--dry-run=server",
            "--namespace",
            room.namespace(),
            "--filename",
            here.toString()));
  }

  private static List<Path> manifests(String folder) throws IOException {
    try (Stream<Path> files = Files.list(MANIFESTS.resolve(folder))) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
    }
  }
}
