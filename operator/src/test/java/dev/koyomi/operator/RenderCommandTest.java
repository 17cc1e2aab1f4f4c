package dev.koyomi.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.koyomi.operator.testing.Manifests;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

final class RenderCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path folder;

  @Test
  void printsTheObjectsAndWhatTheOperatorAdds() throws IOException {
    assertThat(render(Manifests.invoices(), "--runner-image", "runner:7")).isZero();
    assertThat(out.toString())
        .startsWith("# BatchSchedule default/invoices. The operator adds an owner reference")
        .contains(
            "kind: ServiceAccount",
            "kind: ConfigMap",
            "kind: Deployment",
            "name: invoices-nightly",
            "image: runner:7")
        .doesNotContain("ownerReferences");
  }

  @Test
  void saysWhatIsWrongAndWhere() throws IOException {
    String manifest = Manifests.invoices().replace("0 1 * * *", "0 1 * * * *");
    assertThat(render(manifest)).isEqualTo(2);
    assertThat(err.toString())
        .contains("batch.yaml: spec.schedules[0].cron: ")
        .doesNotContain("Exception");
  }

  @Test
  void saysThatAFileIsNotThere() {
    assertThat(execute("nowhere.yaml")).isEqualTo(2);
    assertThat(err.toString()).isEqualTo("nowhere.yaml: there is no such file.%n".formatted());
  }

  private int render(String manifest, String... options) throws IOException {
    Path file = folder.resolve("batch.yaml");
    Files.writeString(file, manifest);
    String[] arguments = new String[options.length + 1];
    arguments[0] = file.toString();
    System.arraycopy(options, 0, arguments, 1, options.length);
    return execute(arguments);
  }

  private int execute(String... arguments) {
    return new CommandLine(new RenderCommand())
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }
}
