package dev.koyomi.runner.cli;

import dev.koyomi.crds.plan.Definition;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Problem;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "validate",
    description = "Says all that is wrong with manifests, as far as the files alone show it.",
    footer = {"", "Needs neither database nor cluster. Exit code 2 when something is wrong."})
final class ValidateVerb implements Callable<Integer> {
  private final Surroundings surroundings;

  @Parameters(arity = "1..*", paramLabel = "FILE", description = "YAML files with BatchSchedules.")
  private List<Path> files = List.of();

  @Mixin private OutputOption output = new OutputOption();

  ValidateVerb(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  private record Found(Path file, Problem problem) {}

  @Override
  public Integer call() {
    List<Found> found = new ArrayList<>();
    List<String> good = new ArrayList<>();
    for (Path file : files) {
      for (Planned planned : ManifestFile.plan(file)) {
        switch (planned) {
          case Planned.Invalid(List<Problem> problems) ->
              problems.forEach(problem -> found.add(new Found(file, problem)));
          case Planned.Valid(Plan plan, Definition definition) ->
              good.add(
                  "%s: %s is valid (revision %s)."
                      .formatted(file, plan.batch(), definition.revision()));
        }
      }
    }
    if (output.json()) {
      OutputOption.print(surroundings.screen(), found.stream().map(ValidateVerb::json).toList());
    } else {
      good.forEach(surroundings.screen()::line);
      found.forEach(each -> surroundings.screen().line(each.file() + ": " + each.problem()));
    }
    return found.isEmpty() ? ExitCode.DONE : ExitCode.WRONG;
  }

  private static Map<String, String> json(Found found) {
    Map<String, String> object = new LinkedHashMap<>();
    object.put("file", found.file().toString());
    object.put("field", found.problem().field());
    object.put("message", found.problem().message());
    return object;
  }
}
