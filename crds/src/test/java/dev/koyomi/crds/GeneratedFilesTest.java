package dev.koyomi.crds;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committed files are what the records give; {@code -Dkoyomi.update=true} writes them anew. */
class GeneratedFilesTest {
  @TempDir private Path directory;

  @Test
  void theCommittedCrdIsWhatTheRecordsGive() throws Exception {
    check(Path.of("generated/koyomi.dev_batchschedules.yaml"), GeneratedCrd.yaml(directory));
  }

  @Test
  void theCommittedReferenceIsWhatTheRecordsGive() throws Exception {
    check(
        Path.of("../docs/reference/batchschedule.md"),
        FieldReference.markdown(GeneratedCrd.tree(directory)));
  }

  @Test
  void everyFieldOfTheCrdIsDescribed() {
    assertThat(FieldReference.fields(GeneratedCrd.tree(directory)))
        .hasSizeGreaterThan(60)
        .allSatisfy(
            (path, field) -> assertThat(field.schema().path("description").asText()).isNotEmpty());
  }

  private static void check(Path file, String wanted) throws IOException {
    if (Boolean.getBoolean("koyomi.update")) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, wanted);
    }
    assertThat(file)
        .withFailMessage(
            "%s is not what the records give: run mvn verify -pl crds -Dkoyomi.update=true", file)
        .hasContent(wanted);
  }
}
