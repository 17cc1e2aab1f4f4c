package dev.koyomi.runner.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Plan;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.crds.plan.Problem;
import java.nio.file.Path;
import java.util.List;

/** A file with BatchSchedules. */
final class ManifestFile {
  private ManifestFile() {}

  /** What became of each document; a file that is no YAML is one document with one problem. */
  static List<Planned> plan(Path file) {
    return planText(TextFile.read(file));
  }

  private static List<Planned> planText(String text) {
    try {
      List<JsonNode> documents = Manifests.read(text);
      return documents.isEmpty()
          ? List.of(invalid("There is nothing in this file: write a BatchSchedule."))
          : documents.stream().map(Planner::plan).toList();
    } catch (ManifestProblem problem) {
      return List.of(invalid(problem.getMessage()));
    }
  }

  /** The one batch of a definition or manifest; anything else ends the command. */
  static Planned.Valid one(Path file) {
    return one(file.toString(), plan(file));
  }

  /** What the batch selects with; one that only takes jobs from outside ends the command. */
  static Plan.Selection trigger(Plan plan) {
    if (plan.trigger() == null) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "The batch %s has no trigger to fire: its jobs come from koyomi.enqueue() alone."
              .formatted(plan.batch()));
    }
    return plan.trigger();
  }

  /** The definition that the queue keeps of a batch. */
  static Planned.Valid registered(String batch, String definition) {
    return one("The registered definition of " + batch, planText(definition));
  }

  private static Planned.Valid one(String source, List<Planned> all) {
    if (all.size() != 1) {
      throw new CommandProblem(
          ExitCode.WRONG,
          "%s has %d documents: give a file with one BatchSchedule.".formatted(source, all.size()));
    }
    return switch (all.getFirst()) {
      case Planned.Valid valid -> valid;
      case Planned.Invalid(List<Problem> problems) ->
          throw new CommandProblem(
              ExitCode.WRONG, problems.stream().map(problem -> source + ": " + problem).toList());
    };
  }

  private static Planned.Invalid invalid(String sentence) {
    return new Planned.Invalid(List.of(new Problem("", sentence)));
  }
}
