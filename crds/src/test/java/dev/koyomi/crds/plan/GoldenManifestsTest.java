package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The folder of manifests; its README says what is in it. */
class GoldenManifestsTest {
  private static final Path RIGHT = Path.of("src/test/resources/manifests/right");
  private static final Path WRONG = Path.of("src/test/resources/manifests/wrong");

  @TestFactory
  Stream<DynamicTest> saysWhatIsWrong() throws IOException {
    return names(WRONG).stream()
        .map(name -> DynamicTest.dynamicTest(name, () -> saysWhatIsWrong(name)));
  }

  private static void saysWhatIsWrong(String name) throws Exception {
    String said = String.join("\n", problems(name)) + "\n";
    Path file = WRONG.resolve(name + ".planner.txt");
    if (Boolean.getBoolean("koyomi.update")) {
      Files.writeString(file, said);
    }
    assertThat(said).isEqualTo(Files.readString(file));
    assertThat(WRONG.resolve(name + ".server.txt")).exists();
  }

  @TestFactory
  Stream<DynamicTest> takesWhatIsRight() throws IOException {
    return names(RIGHT).stream()
        .map(
            name ->
                DynamicTest.dynamicTest(
                    name,
                    () ->
                        assertThat(Planner.plan(manifest(RIGHT, name)))
                            .isInstanceOf(Planned.Valid.class)));
  }

  @Test
  void everyFileBelongsToAManifest() throws IOException {
    Set<String> names = names(WRONG);
    try (var files = Files.list(WRONG)) {
      assertThat(files.map(file -> file.getFileName().toString().replaceFirst("\\..*", "")))
          .isNotEmpty()
          .allMatch(names::contains);
    }
  }

  @Test
  void everyRuleOfTheCrdHasItsTwinInThePlanner() throws Exception {
    JsonNode crd =
        new ObjectMapper(new YAMLFactory())
            .readTree(Path.of("generated/koyomi.dev_batchschedules.yaml").toFile());
    List<String> sentences = new ArrayList<>();
    crd.findValues("x-kubernetes-validations")
        .forEach(rules -> rules.forEach(rule -> sentences.add(rule.path("message").asText())));
    assertThat(sentences).hasSizeGreaterThan(15).doesNotContain("");
    List<String> saidByBoth = new ArrayList<>();
    for (String name : names(WRONG)) {
      List<String> byPlanner = problems(name);
      Files.readAllLines(WRONG.resolve(name + ".server.txt")).stream()
          .filter(line -> sentences.stream().anyMatch(line::endsWith))
          .forEach(
              line -> {
                assertThat(byPlanner).as(name).contains(line);
                saidByBoth.add(line);
              });
    }
    assertThat(sentences)
        .allSatisfy(
            sentence -> assertThat(saidByBoth).anyMatch(line -> line.endsWith(": " + sentence)));
  }

  private static List<String> problems(String name) throws Exception {
    return switch (Planner.plan(manifest(WRONG, name))) {
      case Planned.Valid _ -> List.of();
      case Planned.Invalid invalid -> invalid.problems().stream().map(Problem::toString).toList();
    };
  }

  private static JsonNode manifest(Path folder, String name) throws Exception {
    return Manifests.read(Files.readString(folder.resolve(name + ".yaml"))).getFirst();
  }

  private static Set<String> names(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(file -> file.endsWith(".yaml"))
          .map(file -> file.replace(".yaml", ""))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }
}
