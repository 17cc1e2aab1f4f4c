package dev.koyomi.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each folder of {@code wrong-manifests} lays its {@code over.yaml} over the example's manifest;
 * {@code sentence.txt} is what the person who applies it reads, and where ({@code
 * -Dkoyomi.update=true} writes it anew).
 */
@ExtendWith(OnCluster.class)
final class WrongManifestTest {
  private static final Path CASES = Path.of("src/test/resources/wrong-manifests");
  private static Room room;

  @BeforeAll
  static void room(Room room) {
    WrongManifestTest.room = room;
    room.secret("without-username", Map.of("jdbc-uri", "jdbc:postgresql://h/d", "password", "p"));
    room.secret("somebody-elses", room.credentials());
  }

  static List<Path> cases() throws IOException {
    try (Stream<Path> folders = Files.list(CASES)) {
      return folders.sorted().toList();
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void endsWithASentenceThatNamesFieldAndCure(Path wrong) throws IOException {
    Manifest manifest =
        room.billing()
            .named(wrong.getFileName().toString())
            .with(Files.readString(wrong.resolve("over.yaml")));
    Path golden = wrong.resolve("sentence.txt");
    String sentence = sentence(manifest).replace(room.namespace(), "NAMESPACE");
    if (Boolean.getBoolean("koyomi.update")) {
      Files.writeString(golden, sentence + "\n");
    }
    assertThat(sentence).isEqualTo(Files.readString(golden).strip());
  }

  private static String sentence(Manifest manifest) {
    try {
      room.apply(manifest);
    } catch (KubernetesClientException refused) {
      return "Refused: " + refused.getStatus().getMessage();
    }
    Room.eventually()
        .alias(manifest.name() + " is Stalled")
        .until(() -> Condition.of(room.batch(manifest.name()), "Stalled").status().equals("True"));
    Condition stalled = Condition.of(room.batch(manifest.name()), "Stalled");
    return "Stalled, %s: %s".formatted(stalled.reason(), stalled.message());
  }
}
