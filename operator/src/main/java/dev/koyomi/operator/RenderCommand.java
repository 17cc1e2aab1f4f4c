package dev.koyomi.operator;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.operator.desired.Blueprint;
import dev.koyomi.operator.desired.DesiredObjects;
import dev.koyomi.operator.settings.Environment;
import io.fabric8.kubernetes.api.model.HasMetadata;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints what the operator would apply. */
@Command(
    name = "render",
    description =
        "Prints the objects that the operator applies for the BatchSchedules of the files.",
    mixinStandardHelpOptions = true)
final class RenderCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create(); // replaced by picocli

  @Parameters(arity = "1..*", paramLabel = "FILE", description = "YAML files with BatchSchedules.")
  private List<Path> files = List.of();

  @Option(
      names = "--runner-image",
      paramLabel = "IMAGE",
      defaultValue = "${env:" + Environment.RUNNER_IMAGE + "}",
      description =
          "Image where the manifest names none; by default that of the chart's default values.")
  private String runnerImage = "";

  @Override
  public Integer call() {
    if (runnerImage.isEmpty()) {
      runnerImage = "localhost/koyomi/job-runner:" + OperatorMain.version();
    }
    boolean good = true;
    for (Path file : files) {
      good &= render(file);
    }
    return good ? ExitCode.OK : ExitCode.USAGE;
  }

  private boolean render(Path file) {
    PrintWriter problems = spec.commandLine().getErr();
    try {
      List<JsonNode> manifests = Manifests.read(Files.readString(file));
      if (manifests.isEmpty()) {
        problems.println(file + ": there is nothing in this file: write a BatchSchedule.");
      }
      boolean good = !manifests.isEmpty();
      for (JsonNode manifest : manifests) {
        switch (Planner.plan(manifest)) {
          case Planned.Valid valid -> print(valid);
          case Planned.Invalid invalid -> {
            invalid.problems().forEach(problem -> problems.println(file + ": " + problem));
            good = false;
          }
        }
      }
      return good;
    } catch (ManifestProblem e) {
      problems.println(file + ": " + e.getMessage());
      return false;
    } catch (IOException e) {
      problems.println(file + ": " + sentence(file, e));
      return false;
    }
  }

  private static String sentence(Path file, IOException e) {
    if (Files.isDirectory(file)) {
      return "that is a folder: give a file in it.";
    }
    return switch (e) {
      case NoSuchFileException _ -> "there is no such file.";
      case CharacterCodingException _ -> "that is no text in UTF-8.";
      default -> "it cannot be read: %s".formatted(e.getMessage());
    };
  }

  private void print(Planned.Valid valid) {
    PrintWriter out = spec.commandLine().getOut();
    Blueprint blueprint =
        new Blueprint(
            valid.plan(), valid.definition(), runnerImage, Optional.empty(), Optional.empty());
    out.printf(
        "# BatchSchedule %s. The operator adds an owner reference with the uid of the stored"
            + " object, the%n# annotation koyomi.dev/applied-hash and the variable"
            + " KOYOMI_INSTALLATION.%n",
        valid.plan().batch());
    for (HasMetadata object : DesiredObjects.of(blueprint).inOrder()) {
      out.print(ObjectYaml.of(object));
    }
    out.flush();
  }
}
